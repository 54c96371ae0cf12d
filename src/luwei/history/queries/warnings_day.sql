-- Pre-warnings as the alarms of a day make them: of one truck and type, each alarm at most `window` after the one before.
-- since: from when alarms are read, so that what began before the day is told apart; start, end: the day (UTC ms), end
-- excluded; window: milliseconds. limit, skip: a page of them, the newest first; total: of all pages.
-- scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held).
SELECT *, toUInt64(count() OVER ()) AS total
FROM (
  SELECT vehicle_id, type, min(began) AS first_at, max(ended) AS last_at, toUInt32(count()) AS alarms,
         max(graded) AS level, any(spoken) AS dialect
  FROM (
    SELECT *, sum(fresh) OVER (PARTITION BY vehicle_id, type ORDER BY began, alarm) AS run
    FROM (
      SELECT *, toUInt8(began - max(ended) OVER (PARTITION BY vehicle_id, type ORDER BY began, alarm
                                                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                        > {window:Int64}) AS fresh
      FROM (
        SELECT a.vehicle_id AS vehicle_id, a.type AS type, a.alarm AS alarm,
               min(toUnixTimestamp64Milli(a.started_at)) AS began, max(toUnixTimestamp64Milli(a.at)) AS ended,
               max(a.level) AS graded, any(a.dialect) AS spoken
        FROM alarm AS a
        WHERE a.started_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
          AND a.started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
          AND ({scope:String} = ''
               OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(a.vehicle_id, 8) + 1, 1)), a.vehicle_id % 8)
               OR (a.vehicle_id IN {part_vehicle:Array(UInt32)}
                   AND arrayExists((v, f, t) -> v = a.vehicle_id AND f <= toUnixTimestamp64Milli(a.started_at)
                                                AND toUnixTimestamp64Milli(a.started_at) < t,
                                   {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
        GROUP BY vehicle_id, type, alarm
        HAVING min(a.phase) < 2
      )
    )
  )
  GROUP BY vehicle_id, type, run
  HAVING first_at >= {start:Int64}
)
ORDER BY first_at DESC, vehicle_id, type
LIMIT {limit:UInt32} OFFSET {skip:UInt64}
SETTINGS max_threads = 2
