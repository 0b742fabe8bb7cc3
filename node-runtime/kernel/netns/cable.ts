// What an Ethernet NIC is plugged into. The device (netdev/nic.ts) hands frames down and is handed what arrives; how
// they get to another node is the cable's business (underlay/: WebSocket links, or memory between nodes of one
// process). Linux: the hardware behind ndo_start_xmit and napi_poll.
import type { Skb } from '../skb/skb.ts';
import type { NetDevice } from './device.ts';

export interface Cable {
  /**
   * Tells the cable who is plugged in, once. `receive` is called from the device's kernel's run queue, in batches as
   * NAPI would, with `skb.data` at the Ethernet header; the callee owns the skb. Bound the work by frames, not by a
   * backlog: the cable takes no more from its peer than was handled here.
   */
  plug(dev: NetDevice, receive: (skb: Skb) => void): void;
  /**
   * Takes the skb, whose `data` is at the Ethernet header. Super-segments cross whole. What a slow peer does not take
   * waits in a queue of `dev.txQueueLen` frames per peer; beyond it frames are dropped and counted on the device as
   * LINK_QUEUE_FULL (`dev.stats.txDropped`), or as LINK_NO_PEER when nobody is there.
   */
  send(skb: Skb): void;
  unplug(): void;
}
