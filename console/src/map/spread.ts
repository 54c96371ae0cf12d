/** Keeps labels from covering each other: boxes are pushed apart a little, each no further than `reach` pixels from its place. */
export interface LabelBox {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Offsets (dx, dy) for every box, whose x, y are the centre. */
export function spread(boxes: readonly LabelBox[], reach = 34, rounds = 60): [number, number][] {
  const moved = boxes.map((): [number, number] => [0, 0]);
  for (let round = 0; round < rounds; round += 1) {
    let touched = false;
    for (let i = 0; i < boxes.length; i += 1) {
      for (let j = i + 1; j < boxes.length; j += 1) {
        const [a, b] = [boxes[i] as LabelBox, boxes[j] as LabelBox];
        const [p, q] = [moved[i] as [number, number], moved[j] as [number, number]];
        const dx = b.x + q[0] - a.x - p[0];
        const dy = b.y + q[1] - a.y - p[1];
        const overX = (a.width + b.width) / 2 + 3 - Math.abs(dx);
        const overY = (a.height + b.height) / 2 + 2 - Math.abs(dy);
        if (overX <= 0 || overY <= 0) continue;
        touched = true;
        // The shorter way out, half for each.
        const axis = overX < overY * 1.4 ? 0 : 1;
        const push = ((axis === 0 ? overX : overY) / 2) * ((axis === 0 ? dx : dy) >= 0 ? 1 : -1) * 0.7;
        p[axis] -= push;
        q[axis] += push;
      }
    }
    for (const offset of moved) {
      const length = Math.hypot(...offset);
      if (length > reach) {
        offset[0] *= reach / length;
        offset[1] *= reach / length;
      }
    }
    if (!touched) break;
  }
  return moved;
}
