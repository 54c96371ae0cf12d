-- The newest location of one vehicle with every column, for its card; no row when it never reported.
-- vehicles: registry keys under which the one vehicle was ever known.
SELECT *
FROM location
WHERE vehicle_id IN {vehicles:Array(UInt32)}
  AND at = (SELECT max(at) FROM latest WHERE vehicle_id IN {vehicles:Array(UInt32)})
ORDER BY received_at DESC
LIMIT 1
SETTINGS max_threads = 1
