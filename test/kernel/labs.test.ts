// The kernel lab: the same networks in Linux and in the emulator, and the same probes put to both.
import { compare } from './lab.ts';
import { bridge } from './labs/bridge.ts';
import { docker0 } from './labs/docker0.ts';
import { hostGw } from './labs/host-gw.ts';
import { path } from './labs/path.ts';
import { segments } from './labs/segments.ts';
import { service } from './labs/service.ts';
import { udpMode } from './labs/udp-mode.ts';
import { vxlan } from './labs/vxlan.ts';

compare([docker0, bridge, hostGw, vxlan, path, udpMode, segments, service]);
