-- Bus messages that could not be read, newest first, without their bytes.
-- limit: most rows given.
SELECT at, subject, sequence, id, gateway, cause, length(payload) AS bytes
FROM quarantine
ORDER BY at DESC, sequence DESC
LIMIT {limit:UInt32}
