/** Draws the speed curve with the same events as the map. The cursor is not here: it moves without a redraw. */
import { clock, date } from '@/format/time';

import { FONT } from './palette';
import { axisTimes, axisTop, speedStretches } from './speed';
import type { Span, Track } from './track';

export interface ChartColours {
  text: string;
  muted: string;
  hair: string;
  primary: string;
  warn: string;
  off: string;
}

export interface ChartFrame {
  width: number;
  height: number;
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export interface ChartScene {
  track: Track;
  from: number;
  to: number;
  marked: readonly Span[];
  maxKmh: number;
  words: { axis: string; stop: string; gap: (ms: number) => string };
}

type Context = CanvasRenderingContext2D;

export const FRAME = { left: 44, right: 10, top: 34, bottom: 26 };

export function xOf(frame: ChartFrame, scene: { from: number; to: number }, t: number): number {
  return frame.left + ((t - scene.from) / (scene.to - scene.from)) * (frame.width - frame.left - frame.right);
}

export function timeAtX(frame: ChartFrame, scene: { from: number; to: number }, x: number): number {
  const share = (x - frame.left) / (frame.width - frame.left - frame.right);
  return scene.from + Math.max(0, Math.min(1, share)) * (scene.to - scene.from);
}

export function yOf(frame: ChartFrame, kmh: number, top: number): number {
  const floor = frame.height - frame.bottom;
  return floor - (kmh / top) * (floor - frame.top);
}

/** Oblique lines over a time in which nothing was received. */
function hatch(g: Context, x: number, y: number, w: number, h: number, colour: string, alpha: number): void {
  g.save();
  g.beginPath();
  g.rect(x, y, w, h);
  g.clip();
  g.globalAlpha = alpha;
  g.strokeStyle = colour;
  g.lineWidth = 1.2;
  g.beginPath();
  for (let at = x - h; at < x + w; at += 7) {
    g.moveTo(at, y + h);
    g.lineTo(at + h, y);
  }
  g.stroke();
  g.restore();
}

export function drawChart(g: Context, frame: ChartFrame, scene: ChartScene, colour: ChartColours): void {
  const { track } = scene;
  const floor = frame.height - frame.bottom;
  const right = frame.width - frame.right;
  const top = axisTop(scene.maxKmh);
  g.clearRect(0, 0, frame.width, frame.height);
  g.font = `12px ${FONT}`;
  drawAxes(g, frame, scene, colour, top);
  g.save();
  g.beginPath();
  g.rect(frame.left, 0, right - frame.left, frame.height);
  g.clip();
  drawHoles(g, frame, scene, colour);
  drawCurve(g, frame, scene, colour, top);
  drawStops(g, frame, scene, colour);
  // Backfilled times: a hollow band on the floor, as the line on the map is hollow.
  g.strokeStyle = colour.primary;
  g.lineWidth = 1;
  for (const { first, last } of track.backfills) {
    const x = xOf(frame, scene, track.at[first] ?? 0);
    const w = Math.max(2, xOf(frame, scene, track.at[last] ?? 0) - x);
    g.strokeRect(x, floor + 2.5, w, 3);
  }
  g.restore();
}

function drawAxes(g: Context, frame: ChartFrame, scene: ChartScene, colour: ChartColours, top: number): void {
  const floor = frame.height - frame.bottom;
  const right = frame.width - frame.right;
  g.lineWidth = 1;
  g.fillStyle = colour.muted;
  g.textBaseline = 'middle';
  g.textAlign = 'right';
  const step = top > 120 || floor - frame.top < 70 ? 80 : 40;
  for (let v = 0; v <= top; v += step) {
    const y = Math.round(yOf(frame, v, top)) + 0.5;
    g.strokeStyle = colour.hair;
    g.beginPath();
    g.moveTo(frame.left, y);
    g.lineTo(right, y);
    g.stroke();
    g.fillText(String(v), frame.left - 10, y);
  }
  g.textAlign = 'left';
  g.fillText(scene.words.axis, 4, 12);
  g.textAlign = 'center';
  const { step: stride, times } = axisTimes(scene.from, scene.to, right - frame.left);
  const manyDays = date(scene.from) !== date(scene.to);
  for (const t of times) {
    const x = Math.round(xOf(frame, scene, t)) + 0.5;
    g.beginPath();
    g.moveTo(x, frame.top - 8);
    g.lineTo(x, floor);
    g.stroke();
    if (x < frame.left + 16 || x > right - 16) continue;
    const time = clock(t).slice(0, 5);
    g.fillText(stride >= 86_400_000 || (manyDays && time === '00:00') ? date(t).slice(5) : time, x, floor + 17);
  }
}

function drawHoles(g: Context, frame: ChartFrame, scene: ChartScene, colour: ChartColours): void {
  const floor = frame.height - frame.bottom;
  for (const hole of scene.track.holes) {
    if (hole.to < scene.from || hole.from > scene.to) continue;
    const x = xOf(frame, scene, hole.from);
    const w = Math.max(1, xOf(frame, scene, hole.to) - x);
    hatch(g, x, frame.top - 6, w, floor - frame.top + 6, colour.off, hole.gap ? 0.55 : 0.2);
    const text = scene.words.gap(hole.to - hole.from);
    if (!hole.gap || w < g.measureText(text).width * 0.9) continue;
    g.fillStyle = colour.muted;
    g.textAlign = 'center';
    g.fillText(text, x + w / 2, frame.top - 14);
  }
}

function drawCurve(g: Context, frame: ChartFrame, scene: ChartScene, colour: ChartColours, top: number): void {
  const floor = frame.height - frame.bottom;
  const width = frame.width - frame.left - frame.right;
  for (const { x, v } of speedStretches(scene.track, scene.from, scene.to, width)) {
    const first = x[0] ?? 0;
    const last = x[x.length - 1] ?? 0;
    g.beginPath();
    x.forEach((at, i) => g.lineTo(frame.left + at, yOf(frame, v[i] ?? 0, top)));
    g.strokeStyle = colour.primary;
    g.lineWidth = 1.6;
    g.lineJoin = 'round';
    g.stroke();
    if (x.length === 1) {
      g.fillStyle = colour.primary;
      g.fillRect(frame.left + first - 1, yOf(frame, v[0] ?? 0, top) - 1, 2, 2);
    }
    g.lineTo(frame.left + last, floor);
    g.lineTo(frame.left + first, floor);
    g.closePath();
    g.globalAlpha = 0.1;
    g.fillStyle = colour.primary;
    g.fill();
    g.globalAlpha = 1;
  }
  g.strokeStyle = colour.warn;
  g.lineWidth = 2.4;
  const { at, speed } = scene.track;
  for (const { first, last } of scene.marked) {
    if ((at[last] ?? 0) < scene.from || (at[first] ?? 0) > scene.to) continue;
    const stride = Math.max(1, Math.floor((last - first) / (2 * width)));
    g.beginPath();
    for (let k = first; k <= last; k += stride) {
      g.lineTo(xOf(frame, scene, at[k] ?? 0), yOf(frame, (speed[k] ?? 0) / 10, top));
    }
    if (first === last) g.lineTo(xOf(frame, scene, at[last] ?? 0) + 2, yOf(frame, (speed[last] ?? 0) / 10, top));
    g.stroke();
  }
}

function drawStops(g: Context, frame: ChartFrame, scene: ChartScene, colour: ChartColours): void {
  const floor = frame.height - frame.bottom;
  for (const stop of scene.track.stops) {
    if (stop.to < scene.from || stop.from > scene.to) continue;
    const x = xOf(frame, scene, stop.from);
    const w = Math.max(2, xOf(frame, scene, stop.to) - x);
    g.globalAlpha = 0.35;
    g.fillStyle = colour.muted;
    g.fillRect(x, floor - 12, w, 12);
    g.globalAlpha = 1;
    if (w < g.measureText(scene.words.stop).width + 4) continue;
    g.fillStyle = colour.muted;
    g.textAlign = 'center';
    g.fillText(scene.words.stop, x + w / 2, floor - 20);
  }
}
