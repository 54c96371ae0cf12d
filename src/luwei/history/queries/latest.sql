-- The newest location of every vehicle that ever reported: one row a vehicle. Refills the live picture after a restart.
SELECT vehicle_id, terminal_id, at, received_at, lat_e6, lon_e6, altitude_m, speed_dkmh, direction_deg, alarm, status,
       mileage_hm, video_alarm, origin, flags, edition
FROM latest FINAL
ORDER BY vehicle_id
