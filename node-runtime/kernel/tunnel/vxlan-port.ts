// The receiving end shared by a namespace's VXLAN devices of one UDP port: struct vxlan_sock, a table from VNI to device
// (drivers/net/vxlan/vxlan_core.c, vxlan_rcv).
import type { Netns } from '../netns/netns.ts';
import { NetnsError } from '../netns/netns.ts';
import { perNet } from '../netns/per-net.ts';
import { udpEncap } from '../netns/udp-encap.ts';
import type { Skb } from '../skb/skb.ts';
import * as udp from '../wire/udp.ts';
import * as vxlan from '../wire/vxlan.ts';

/** What a VXLAN packet is handed to; `skb.data` at the inner Ethernet header, `skb.network` still at the outer IP header. */
export interface VxlanReceiver {
  receive(skb: Skb): void;
}

const ports = perNet('vxlan-ports', () => new Map<number, Map<number, VxlanReceiver>>());

/** vxlan_open: from now on packets to the port with this VNI are the device's. Throws EADDRINUSE. */
export function openVxlanPort(ns: Netns, port: number, vni: number, receiver: VxlanReceiver): void {
  const known = ports(ns);
  let byVni = known.get(port);
  if (byVni === undefined) {
    if (udpEncap(ns).has(port)) throw new NetnsError('EADDRINUSE', 'Address already in use');
    byVni = new Map();
    known.set(port, byVni);
    const devices = byVni;
    udpEncap(ns).set(port, (skb) => vxlanRcv(ns, devices, skb));
  }
  if (byVni.has(vni)) throw new NetnsError('EEXIST', 'A VXLAN device with the specified VNI already exists');
  byVni.set(vni, receiver);
}

/** vxlan_stop: the port is closed with its last device. */
export function closeVxlanPort(ns: Netns, port: number, vni: number): void {
  const byVni = ports(ns).get(port);
  if (byVni?.delete(vni) !== true || byVni.size > 0) return;
  ports(ns).delete(port);
  udpEncap(ns).delete(port);
}

/** `skb.data` at the UDP header. */
function vxlanRcv(ns: Netns, devices: ReadonlyMap<number, VxlanReceiver>, skb: Skb): void {
  const { kernel } = ns;
  const header = skb.data + udp.HLEN;
  const why = vxlan.check(skb.bytes, header, skb.tail);
  if (why !== undefined) {
    kernel.drop(skb, 'VXLAN_INVALID_HDR', ns, why);
    return;
  }
  const vni = vxlan.vni(skb.bytes, header);
  const device = devices.get(vni);
  if (device === undefined) {
    kernel.drop(skb, 'VXLAN_VNI_NOT_FOUND', ns, `VNI ${vni}`);
    return;
  }
  skb.pull(udp.HLEN + vxlan.HLEN);
  device.receive(skb);
}
