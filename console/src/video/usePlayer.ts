/** A player for a tile: its elements, and its state as something a template can read. */
import { onBeforeUnmount, shallowRef, watch } from 'vue';
import type { Ref, ShallowRef } from 'vue';

import { accepted } from './capabilities';
import { MseSink } from './mse';
import { Player } from './player';
import type { PlayerView, Ports } from './player';
import type { StreamRequest } from './protocol';
import { StillsSink } from './stills';
import { WebCodecsSink } from './webcodecs';

export interface Elements {
  video: HTMLVideoElement;
  canvas: HTMLCanvasElement;
  audio: HTMLAudioElement;
}

const address = (path: string): string => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;

export interface Playing {
  view: Readonly<ShallowRef<PlayerView>>;
  player: Player;
  /** To be called once the elements stand: starts it, as soon as somebody looks. */
  begin: () => void;
}

/** `away`: nobody looks at it now. */
export function usePlayer(
  request: StreamRequest,
  elements: () => Elements,
  ask: Ports['ask'],
  nowMs: () => number,
  away: Ref<boolean>,
): Playing {
  const player = new Player(
    request,
    {
      ask,
      nowMs,
      accepted,
      socket: (path) => new WebSocket(address(path)),
      picture: (container, events) => {
        const { video, canvas } = elements();
        if (container === 'fmp4') return new MseSink(video, events);
        return container === 'annexb' ? new WebCodecsSink(canvas, events) : new StillsSink(canvas, events);
      },
      sound: (events) => new MseSink(elements().audio, events),
    },
    (told) => (view.value = told),
  );
  const view = shallowRef<PlayerView>(player.view);
  let begun = false;
  function begin(): void {
    if (away.value || begun) return;
    begun = true;
    player.start();
  }
  watch(away, (now) => {
    if (now) player.hide();
    else if (begun) player.show();
    else begin();
  });
  onBeforeUnmount(() => player.stop());
  return { view, player, begin };
}
