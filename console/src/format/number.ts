/** 246,540; nothing known is a dash, never a zero. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '—' : Math.round(value).toLocaleString('en-US');
}

/** Share of a total in per cent with two figures; a zero denominator has no share. */
export function share(part: number, whole: number): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(2)}%` : '—';
}

/** 0.1 km/h on the wire, whole km/h on the screen. */
export function kmh(speedDkmh: number): string {
  return String(Math.round(speedDkmh / 10));
}

/** 0.1 km on the wire. */
export function km(mileageHm: number | null | undefined): string {
  return mileageHm === null || mileageHm === undefined
    ? '—'
    : (mileageHm / 10).toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export function degrees(e6: number): string {
  return (e6 / 1e6).toFixed(6);
}

export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let size = value / 1024;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}
