-- When each vehicle was last heard by its own clock: what a report must not be older than to change an alarm.
SELECT vehicle_id, at, received_at
FROM latest FINAL
