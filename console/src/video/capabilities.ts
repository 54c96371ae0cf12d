/** What this browser can play, best first; the server chooses among it by what the terminal sends. */
import { sourceKind } from './mse';

/** Profiles that terminals send: H.264 baseline to high, H.265 main. */
const H264 = 'video/mp4; codecs="avc1.640028"';
const H265 = ['video/mp4; codecs="hvc1.1.6.L120.B0"', 'video/mp4; codecs="hev1.1.6.L120.B0"'] as const;
const DECODED = 'hev1.1.6.L120.B0';

async function decodes(codec: string): Promise<boolean> {
  try {
    return (await VideoDecoder.isConfigSupported({ codec })).supported === true;
  } catch {
    return false; // the browser has no decoder for scripts, or it is a plain HTTP page
  }
}

async function find(): Promise<string> {
  const Kind = sourceKind();
  const plays = (mime: string): boolean => Kind?.isTypeSupported(mime) === true;
  const found: readonly (readonly [string, boolean])[] = [
    ['fmp4-h264', plays(H264)],
    ['fmp4-h265', H265.some(plays)],
    ['annexb-h265', await decodes(DECODED)],
    ['jpeg', true],
  ];
  return found.filter(([, able]) => able).map(([name]) => name).join(',');
}

let known: Promise<string> | null = null;

/** The value of `accept`; asked of the browser once. */
export function accepted(): Promise<string> {
  known ??= find();
  return known;
}
