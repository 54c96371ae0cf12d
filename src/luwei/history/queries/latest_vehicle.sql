-- The newest location of one vehicle with every column, for its card; no row when it never reported.
-- vehicle: registry key.
SELECT *
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at = (SELECT max(at) FROM latest WHERE vehicle_id = {vehicle:UInt32})
ORDER BY received_at DESC
LIMIT 1
SETTINGS max_threads = 1
