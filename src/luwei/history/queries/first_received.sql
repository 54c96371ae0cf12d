-- When the history's first location of each of some vehicles was received; vehicles without one are left out.
-- vehicles: registry keys.
SELECT vehicle_id, toUnixTimestamp64Milli(min(received_at)) AS first_at
FROM location
WHERE vehicle_id IN {vehicles:Array(UInt32)}
GROUP BY vehicle_id
