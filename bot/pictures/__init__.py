"""Pictures that 小哨 draws: what is to be drawn as values, the ink that draws it, and how it becomes a photo."""
