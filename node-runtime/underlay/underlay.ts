// One process's place on the underlay: the cables of its NICs, and which peer a frame goes to. A frame for a known MAC
// goes directly to the process that has it; broadcasts and unknown MACs go to the segment's switch in the fabric. How
// frames get from process to process is a matter of the lines (websocket.ts, memory.ts).
import type { Cabling, LinkReport } from '../../emulator/protocol/records.ts';
import type { Cable } from '../kernel/netns/cable.ts';
import type { NetDevice } from '../kernel/netns/device.ts';
import type { Kernel } from '../kernel/netns/kernel.ts';
import type { Skb } from '../kernel/skb/skb.ts';
import { type Mac, parseMac } from '../kernel/wire/addr.ts';
import { u48 } from '../kernel/wire/bytes.ts';

/** The process that runs the switches. */
export const FABRIC = 'fabric';

/** Carries frames between processes, named as the cabling names them. Implementations pass `linesCompliance`. */
export interface Lines {
  /** Where peers reach this process; "" when they cannot. */
  readonly url: string;
  /** Who takes what comes from peers, in the kernel's run queue. */
  onFrame: (peer: string, skb: Skb) => void;
  /** Takes the skb; a link is opened if there is none. */
  send(peer: string, skb: Skb, dev: NetDevice): void;
  /** Where peers are now; a peer that moved (restarted) is dialled anew. */
  setPeers(peers: Cabling['peers']): void;
  report(): readonly LinkReport[];
  stop(): void;
}

export class Underlay {
  readonly lines: Lines;
  /** By segment, then by MAC. */
  #plugs = new Map<string, Map<number, string>>();
  #version = -1;
  #nic: Plugged | undefined;
  #ports = new Map<string, Plugged>();
  readonly #name: string;
  readonly #kernel: Kernel;

  constructor(name: string, lines: Lines, kernel: Kernel) {
    this.#name = name;
    this.#kernel = kernel;
    this.lines = lines;
    lines.onFrame = (peer, skb) => this.#deliver(peer, skb);
  }

  /** A node's cable to a segment. A node has one. */
  cable(segment: string): Cable {
    const plugged = new Plugged((skb, dev) => {
      const peer = this.#plugs.get(segment)?.get(u48(skb.bytes, skb.data)) ?? FABRIC;
      this.lines.send(peer, skb, dev);
    });
    this.#nic = plugged;
    return plugged;
  }

  /** The fabric's end of a node's cable: a port of the switch. */
  port(peer: string): Cable {
    const plugged = new Plugged((skb, dev) => this.lines.send(peer, skb, dev));
    this.#ports.set(peer, plugged);
    return plugged;
  }

  /** Older cabling than what is known is ignored: messages of two emulators may cross. */
  setCabling(cabling: Cabling): void {
    if (cabling.version < this.#version) return;
    this.#version = cabling.version;
    const plugs = new Map<string, Map<number, string>>();
    for (const { segment, mac, peer } of cabling.plugs) {
      const address = parseMac(mac);
      if (address === undefined || peer === this.#name) continue;
      let macs = plugs.get(segment);
      if (macs === undefined) plugs.set(segment, (macs = new Map<Mac, string>()));
      macs.set(address, peer);
    }
    this.#plugs = plugs;
    this.lines.setPeers(cabling.peers.filter((peer) => peer.name !== this.#name));
  }

  stop(): void {
    this.lines.stop();
  }

  #deliver(peer: string, skb: Skb): void {
    const plugged = this.#ports.get(peer) ?? this.#nic;
    if (plugged?.receive === undefined)
      this.#kernel.drop(skb, 'NO_CARRIER', undefined, `from ${peer}: no card here`);
    else plugged.receive(skb);
  }
}

class Plugged implements Cable {
  receive: ((skb: Skb) => void) | undefined;
  #dev: NetDevice | undefined;
  readonly #forward: (skb: Skb, dev: NetDevice) => void;
  constructor(forward: (skb: Skb, dev: NetDevice) => void) {
    this.#forward = forward;
  }
  plug(dev: NetDevice, receive: (skb: Skb) => void): void {
    this.#dev = dev;
    this.receive = receive;
  }
  send(skb: Skb): void {
    this.#forward(skb, this.#dev!);
  }
  unplug(): void {
    this.receive = undefined;
  }
}
