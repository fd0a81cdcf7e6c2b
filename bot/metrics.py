"""Numbers for Prometheus; no message, name or phone number ever becomes a label."""

from prometheus_client import Counter, Gauge, Histogram

TURNS = Counter("xiaoshao_turns_total", "Updates handled", ["channel", "outcome"])
TURN_SECONDS = Histogram(
    "xiaoshao_turn_batch_seconds", "Time of one batch of turns", buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10)
)
SENT = Counter("xiaoshao_outbox_total", "Outbox rows by outcome", ["channel", "outcome"])
COURIER_LAG = Gauge("xiaoshao_courier_lag_seconds", "Age of the oldest row that could be sent now")
FOLLOW_UPS = Counter("xiaoshao_follow_ups_total", "Follow-ups done", ["kind"])
EMERGENCIES = Counter("xiaoshao_emergencies_total", "Messages answered by the safety net", ["kind"])
NLU_READY = Gauge("xiaoshao_nlu_ready", "1 when the NLU answers")
