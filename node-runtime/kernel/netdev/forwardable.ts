// is_skb_forwardable (net/core/dev.c): whether a device that is handed another's frame may take it.
import { ETH_HLEN, type NetDevice } from '../netns/device.ts';
import type { Skb } from '../skb/skb.ts';

/** A frame may carry one VLAN tag beyond the MTU. */
const VLAN_HLEN = 4;

/** `skb.data` at the Ethernet header. A super-segment fits: it is cut to the MTU by its gsoSize. */
export const fits = (dev: NetDevice, skb: Skb): boolean =>
  skb.gsoSize > 0 || skb.len <= dev.mtu + ETH_HLEN + VLAN_HLEN;
