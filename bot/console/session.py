"""The console's session: a signed cookie that names a person until a time, and the token that every form carries."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer

COOKIE = "xiaoshao_console"


@dataclass(frozen=True)
class Session:
    """Who signed in, and until when it holds. What they may do is asked anew at every request."""

    person_id: int
    until: datetime
    nonce: str
    community: int | None = None  # the one that they look at, where they have posts in several


class Sessions:
    """Makes and reads sessions; the secret is the installation's own."""

    def __init__(self, secret: str, length: timedelta) -> None:
        self._cookies = URLSafeSerializer(secret, salt="console")
        self._forms = URLSafeSerializer(secret, salt="console-form")
        self.length = length

    def begin(self, person_id: int, now: datetime) -> tuple[Session, str]:
        """A new session, and its cookie's value."""
        session = Session(person_id, now + self.length, secrets.token_urlsafe(12))
        return session, self._cookie(session)

    def look_at(self, session: Session, community: int) -> str:
        """The cookie of the same session, which looks at another community from now on."""
        return self._cookie(replace(session, community=community))

    def _cookie(self, session: Session) -> str:
        said = {"person": session.person_id, "until": session.until.isoformat(), "nonce": session.nonce}
        if session.community is not None:
            said["community"] = session.community
        return str(self._cookies.dumps(said))

    def read(self, cookie: str, now: datetime) -> Session | None:
        """The session of a cookie; None for none, a forged one, or one that is over."""
        try:
            said = self._cookies.loads(cookie)
            community = said.get("community")
            session = Session(
                int(said["person"]),
                datetime.fromisoformat(said["until"]),
                str(said["nonce"]),
                int(community) if community is not None else None,
            )
        except (AttributeError, BadSignature, KeyError, TypeError, ValueError):
            return None
        return session if session.until > now else None

    def form_token(self, session: Session) -> str:
        """What the forms of this session carry: a page of another site cannot know it."""
        return str(self._forms.dumps(session.nonce))

    def from_own_form(self, session: Session, token: str) -> bool:
        """Whether a form comes from this session's own pages."""
        try:
            return secrets.compare_digest(str(self._forms.loads(token)), session.nonce)
        except BadSignature:
            return False
