-- Alarms by their start, newest first, one row an alarm: its point, its start, or an end whose start is unknown.
-- start, end: UTC milliseconds, end excluded; before_at, before: only what comes after this alarm in the order.
-- vehicles, types, sources: empty for all; level, backfill: -1 for all; open: 1 for those without an end only.
-- scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held). limit: rows.
WITH toUnixTimestamp64Milli(started_at) AS began
SELECT alarm, phase, vehicle_id, terminal_id, at, started_at, received_at, lat_e6, lon_e6, altitude_m, speed_dkmh,
       direction_deg, source, type, level, files, sequence, dialect, edition, backfill
FROM alarm AS a
WHERE a.started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND a.started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND (began < {before_at:Int64} OR (began = {before_at:Int64} AND a.alarm < {before:UInt64}))
  AND (a.phase != 2 OR a.at = a.started_at)
  AND (empty({vehicles:Array(UInt32)}) OR a.vehicle_id IN {vehicles:Array(UInt32)})
  AND (empty({types:Array(String)}) OR a.type IN {types:Array(String)})
  AND (empty({sources:Array(String)}) OR a.source IN {sources:Array(String)})
  AND ({level:Int16} < 0 OR a.level = {level:Int16})
  AND ({backfill:Int8} < 0 OR a.backfill = ({backfill:Int8} = 1))
  AND ({open:UInt8} = 0 OR (a.phase = 1 AND a.alarm NOT IN (
        SELECT e.alarm FROM alarm AS e
        WHERE e.phase = 2 AND e.started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
          AND e.started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC'))))
  AND ({scope:String} = ''
       OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(a.vehicle_id, 8) + 1, 1)), a.vehicle_id % 8)
       OR (a.vehicle_id IN {part_vehicle:Array(UInt32)}
           AND arrayExists((v, f, t) -> v = a.vehicle_id AND f <= began AND began < t,
                           {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
ORDER BY a.started_at DESC, a.alarm DESC, a.phase
LIMIT 1 BY a.alarm
LIMIT {limit:UInt32}
SETTINGS max_threads = 2
