/** The microphone as a source of blocks, and why there is none. */
import captureUrl from './capture.worklet?worker&url';
import { CAPTURE } from './worklets';
import type { Block, CaptureOptions } from './worklets';

/**
 * insecure: the page came over plain HTTP, where browsers give no microphone · absent: there is none · refused: the person or the
 * browser's policy said no · taken: another program holds it · unsupported: the browser has no audio worklets · failed: anything else.
 */
export type MicrophoneFault = 'insecure' | 'absent' | 'refused' | 'taken' | 'unsupported' | 'failed';

export class MicrophoneError extends Error {
  constructor(readonly fault: MicrophoneFault, message = '') {
    super(message || fault);
    this.name = 'MicrophoneError';
  }
}

const FAULTS: Readonly<Record<string, MicrophoneFault>> = {
  NotAllowedError: 'refused', SecurityError: 'refused', PermissionDeniedError: 'refused',
  NotFoundError: 'absent', DevicesNotFoundError: 'absent', OverconstrainedError: 'absent',
  NotReadableError: 'taken', TrackStartError: 'taken', AbortError: 'taken', NotSupportedError: 'unsupported',
};

/** What a browser's refusal means. */
export const faultOf = (error: unknown): MicrophoneFault => FAULTS[(error as { name?: string } | null)?.name ?? ''] ?? 'failed';

/** What is missing before anybody is asked; null: nothing. */
export function missing(scope: { isSecureContext: boolean; navigator: { mediaDevices?: unknown }; AudioWorkletNode?: unknown } = window): MicrophoneFault | null {
  if (!scope.isSecureContext) return 'insecure';
  return scope.navigator.mediaDevices && scope.AudioWorkletNode ? null : 'unsupported';
}

/** Asks the person where the browser does. Throws MicrophoneError. */
export async function askMicrophone(): Promise<MediaStream> {
  const lack = missing();
  if (lack) throw new MicrophoneError(lack);
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true }, video: false });
  } catch (error) {
    throw new MicrophoneError(faultOf(error), error instanceof Error ? error.message : String(error));
  }
}

export interface Microphone {
  close: () => void;
}

/** Blocks of a microphone that was given, until it is closed. Throws MicrophoneError. */
export async function listenTo(stream: MediaStream, context: AudioContext, options: CaptureOptions, took: (block: Block) => void, lost: () => void): Promise<Microphone> {
  try {
    await context.audioWorklet.addModule(captureUrl);
  } catch (error) {
    throw new MicrophoneError('unsupported', error instanceof Error ? error.message : String(error));
  }
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, CAPTURE, { numberOfInputs: 1, numberOfOutputs: 0, processorOptions: options });
  node.port.onmessage = ({ data }: MessageEvent<Block>) => took(data);
  const [track] = stream.getAudioTracks();
  // unplugged, or the person took the permission back
  track?.addEventListener('ended', lost);
  source.connect(node);
  return {
    close: () => {
      track?.removeEventListener('ended', lost);
      node.port.onmessage = null;
      node.port.postMessage('end');
      source.disconnect();
    },
  };
}
