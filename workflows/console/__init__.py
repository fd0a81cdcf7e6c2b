"""What the staff's console shows and does. Everything here asks first who looks: pages hold no rule and no SQL."""
