/** Draws the track over the map: lines first, then gaps, then marks, then the truck. Coordinates are CSS pixels. */
import { FONT, MAP } from './palette';
import { place, shownPoints } from './marks';
import type { Label, Mark, Rect } from './marks';
import type { Level } from './geometry';
import type { Place, Span, Track } from './track';
import { screenX, screenY, trace } from './view';
import type { View } from './view';

export interface Scene {
  track: Track;
  level: Level;
  marked: readonly Span[];
  marks: readonly Mark[];
  here: Place | null;
  /** Two lines beside the truck; empty: none. */
  caption: readonly [string, string];
  raw: boolean;
  /** Where panels lie over the map: no label goes there. */
  covered: readonly Rect[];
}

type Context = CanvasRenderingContext2D;

function stroke(g: Context, colour: string, width: number, path: () => void, dash: number[] = []): void {
  g.setLineDash(dash);
  g.lineCap = dash.length ? 'butt' : 'round';
  g.lineJoin = 'round';
  g.strokeStyle = colour;
  g.lineWidth = width;
  g.beginPath();
  path();
  g.stroke();
  g.setLineDash([]);
}

/** Draws everything and returns the marks that are on the screen, for pointing at them. */
export function drawScene(g: Context, view: View, scene: Scene): Mark[] {
  const { track, level, here } = scene;
  g.clearRect(0, 0, view.width, view.height);
  if (!track.n) return [];
  const end = track.n - 1;
  const now = here ? here.index + here.share : 0;
  const line = (a: number, b: number) => () => void trace(g, view, track, level, a, b);

  drawHoles(g, view, track);
  stroke(g, MAP.ground, 7.5, line(0, end));
  stroke(g, MAP.ahead, 4.5, line(now, end));
  stroke(g, MAP.played, 4.5, line(0, now));
  for (const { first, last } of scene.marked) {
    stroke(g, MAP.alarmAhead, 4.5, line(first, last));
    if (now > first) stroke(g, MAP.alarm, 4.5, line(first, Math.min(last, now)));
  }
  // A backfilled stretch is hollow: it came later than it happened.
  for (const { first, last } of track.backfills) stroke(g, MAP.ground, 1.8, line(first, last));
  drawLoneBackfills(g, view, track);
  if (scene.raw) drawPoints(g, view, track);
  drawHoleEnds(g, view, track);
  const shown = drawMarks(g, view, scene);
  if (here) drawTruck(g, view, here, scene.caption);
  return shown;
}

function drawHoles(g: Context, view: View, track: Track): void {
  for (const hole of track.holes) {
    stroke(
      g,
      hole.gap ? MAP.gap : MAP.silence,
      hole.gap ? 2 : 1.5,
      () => {
        g.moveTo(screenX(view, track.mx[hole.before] ?? 0), screenY(view, track.my[hole.before] ?? 0));
        g.lineTo(screenX(view, track.mx[hole.after] ?? 0), screenY(view, track.my[hole.after] ?? 0));
      },
      hole.gap ? [7, 5] : [2, 4],
    );
  }
}

function drawHoleEnds(g: Context, view: View, track: Track): void {
  g.fillStyle = MAP.gap;
  for (const hole of track.holes) {
    if (!hole.gap) continue;
    for (const k of [hole.before, hole.after]) {
      g.beginPath();
      g.arc(screenX(view, track.mx[k] ?? 0), screenY(view, track.my[k] ?? 0), 3.5, 0, 7);
      g.fill();
    }
  }
}

/** A single backfilled point has no length to be drawn hollow: it becomes a small ring. */
function drawLoneBackfills(g: Context, view: View, track: Track): void {
  g.fillStyle = MAP.ground;
  g.strokeStyle = MAP.played;
  g.lineWidth = 1.2;
  for (const { first, last } of track.backfills) {
    if (first !== last) continue;
    g.beginPath();
    g.arc(screenX(view, track.mx[first] ?? 0), screenY(view, track.my[first] ?? 0), 2.6, 0, 7);
    g.fill();
    g.stroke();
  }
}

function drawPoints(g: Context, view: View, track: Track): void {
  const { live, late } = shownPoints(view, track);
  g.fillStyle = MAP.text;
  for (let i = 0; i < live.length; i += 2) g.fillRect((live[i] ?? 0) - 1.5, (live[i + 1] ?? 0) - 1.5, 3, 3);
  g.strokeStyle = MAP.text;
  g.fillStyle = MAP.ground;
  g.lineWidth = 1;
  for (let i = 0; i < late.length; i += 2) {
    g.fillRect((late[i] ?? 0) - 2, (late[i + 1] ?? 0) - 2, 4, 4);
    g.strokeRect((late[i] ?? 0) - 2.5, (late[i + 1] ?? 0) - 2.5, 5, 5);
  }
  // Drift and impossible values: crosses beside the line, never part of it.
  g.strokeStyle = MAP.alarm;
  g.lineWidth = 1.5;
  g.beginPath();
  for (let i = 0; i < track.strays.length; i += 2) {
    const x = screenX(view, track.strays[i] ?? 0);
    const y = screenY(view, track.strays[i + 1] ?? 0);
    g.moveTo(x - 3, y - 3);
    g.lineTo(x + 3, y + 3);
    g.moveTo(x + 3, y - 3);
    g.lineTo(x - 3, y + 3);
  }
  g.stroke();
}

function write(g: Context, label: Label, strong: boolean): void {
  g.font = `${strong ? 600 : 400} 12px ${FONT}`;
  g.textAlign = label.align;
  g.textBaseline = 'middle';
  g.lineJoin = 'round';
  g.strokeStyle = MAP.ground;
  g.lineWidth = 3.5;
  g.strokeText(label.text, label.x, label.y);
  g.fillStyle = strong ? MAP.text : MAP.label;
  g.fillText(label.text, label.x, label.y);
}

function drawMarks(g: Context, view: View, { marks, here, covered }: Scene): Mark[] {
  const [x, y] = here ? [screenX(view, here.mx), screenY(view, here.my)] : [0, 0];
  const keepFree = here
    ? [
        { x: x - 18, y: y - 18, w: 36, h: 36 },
        { x: x - 50, y: y + 18, w: 100, h: 46 },
      ]
    : [];
  keepFree.push(...covered);
  const { full, small, labels } = place(view, marks, keepFree, (text) => {
    g.font = `600 12px ${FONT}`;
    return g.measureText(text).width;
  });
  for (const mark of small) {
    const [x, y] = [screenX(view, mark.mx), screenY(view, mark.my)];
    g.fillStyle = mark.kind === 'alarm' ? MAP.alarm : MAP.stop;
    g.strokeStyle = MAP.ground;
    g.lineWidth = 1.5;
    g.beginPath();
    g.arc(x, y, 3.5, 0, 7);
    g.fill();
    g.stroke();
  }
  // Later drawn lies on top: the start and the end of the way are never hidden.
  for (const mark of [...full].reverse()) drawMark(g, screenX(view, mark.mx), screenY(view, mark.my), mark);
  for (const label of labels) write(g, label, label.strong);
  return [...full, ...small];
}

function drawMark(g: Context, x: number, y: number, mark: Mark): void {
  g.beginPath();
  if (mark.kind === 'stop') {
    g.fillStyle = MAP.ground;
    g.strokeStyle = MAP.stop;
    g.lineWidth = 1.5;
    g.roundRect(x - 8, y - 8, 16, 16, 3);
    g.fill();
    g.stroke();
    letter(g, 'P', x, y, MAP.text, 11);
  } else if (mark.kind === 'alarm') {
    g.fillStyle = MAP.alarm;
    g.strokeStyle = MAP.ground;
    g.lineWidth = 2;
    g.moveTo(x, y - 8);
    g.lineTo(x + 8, y);
    g.lineTo(x, y + 8);
    g.lineTo(x - 8, y);
    g.closePath();
    g.stroke();
    g.fill();
  } else if (mark.kind !== 'gap') {
    g.fillStyle = MAP.text;
    g.arc(x, y, 11, 0, 7);
    g.fill();
    letter(g, mark.letter, x, y, MAP.ground, 12);
  }
}

function letter(g: Context, text: string, x: number, y: number, colour: string, size: number): void {
  g.font = `600 ${size}px ${FONT}`;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillStyle = colour;
  g.fillText(text, x, y + 0.5);
}

function drawTruck(g: Context, view: View, here: Place, caption: readonly [string, string]): void {
  const x = screenX(view, here.mx);
  const y = screenY(view, here.my);
  const disc = (r: number, colour: string): void => {
    g.beginPath();
    g.arc(x, y, r, 0, 7);
    g.fillStyle = colour;
    g.fill();
  };
  disc(15, here.hole ? 'rgba(159,178,200,.22)' : 'rgba(91,157,255,.28)');
  disc(10, MAP.ground);
  g.strokeStyle = here.hole ? MAP.gap : MAP.text;
  g.lineWidth = 1.5;
  g.setLineDash(here.hole ? [3, 3] : []);
  g.beginPath();
  g.arc(x, y, 10, 0, 7);
  g.stroke();
  g.setLineDash([]);
  if (here.hole) letter(g, '?', x, y, MAP.gap, 12);
  else if (here.speed < 30 || here.heading === null) disc(4, MAP.text);
  else {
    g.save();
    g.translate(x, y);
    g.rotate((here.heading * Math.PI) / 180);
    g.beginPath();
    g.moveTo(0, -7);
    g.lineTo(5, 6);
    g.lineTo(0, 3);
    g.lineTo(-5, 6);
    g.closePath();
    g.fillStyle = MAP.text;
    g.fill();
    g.restore();
  }
  drawCaption(g, view, x, y, caption);
}

function drawCaption(g: Context, view: View, x: number, y: number, [head, sub]: readonly [string, string]): void {
  if (!head) return;
  g.font = `600 14px ${FONT}`;
  const width = Math.max(92, g.measureText(head).width + 24);
  const top = y + 62 < view.height ? y + 20 : y - 62;
  const left = Math.max(4, Math.min(view.width - width - 4, x - width / 2));
  g.fillStyle = MAP.raised;
  g.strokeStyle = MAP.line;
  g.lineWidth = 1;
  g.beginPath();
  g.roundRect(Math.round(left) + 0.5, Math.round(top) + 0.5, width, 42, 6);
  g.fill();
  g.stroke();
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillStyle = MAP.text;
  g.fillText(head, left + width / 2, top + 14);
  g.font = `12px ${FONT}`;
  g.fillStyle = MAP.muted;
  g.fillText(sub, left + width / 2, top + 31);
}
