-- When alarms ended. alarms: their keys; vehicles: theirs; start, end: UTC milliseconds between which they all began.
SELECT alarm, min(a.at) AS ended_at
FROM alarm AS a
WHERE a.phase = 2 AND a.vehicle_id IN {vehicles:Array(UInt32)} AND a.alarm IN {alarms:Array(UInt64)}
  AND a.started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND a.started_at <= fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY alarm
SETTINGS max_threads = 2
