import { expect, it } from 'vitest';
import { validateEndpointSlice, validateEndpoints } from './endpoint-validation.ts';

const slice = (addresses: unknown[], more = {}) => ({
  addressType: 'IPv4',
  endpoints: [{ addresses }],
  ports: [{ port: 80, protocol: 'TCP' }],
  ...more,
});
it.each<[object, string[]]>([
  [slice(['10.244.1.2']), []],
  [
    slice(['127.0.0.1']),
    [
      'endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    slice(['169.254.1.1']),
    [
      'endpoints[0].addresses[0]: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
  ],
  [
    slice(['224.0.0.5']),
    [
      'endpoints[0].addresses[0]: Invalid value: "224.0.0.5": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
    ],
  ],
  [
    slice(['0.0.0.0']),
    ['endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)'],
  ],
  [slice(['web']), ['endpoints[0].addresses[0]: Invalid value: "web": must be a valid IPv4 address']],
  [slice([]), ['endpoints[0].addresses: Required value: must contain at least 1 address']],
  [
    slice(['10.1.1.1'], { addressType: 'IPv5' }),
    ['addressType: Unsupported value: "IPv5": supported values: "FQDN", "IPv4", "IPv6"'],
  ],
  [slice(['www.example.org'], { addressType: 'FQDN' }), []],
  [
    slice(['10.1.1.1'], { ports: [{ port: 70_000, protocol: 'ICMP' }] }),
    [
      'ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
      'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
  ],
])('slice %j', (object, faults) =>
  expect(validateEndpointSlice(object as never).map((f) => `${f.field}: ${f.message}`)).toEqual(faults),
);
it.each<[object, string[]]>([
  [{ addresses: [{ ip: '10.1.1.1' }], ports: [{ port: 80 }] }, []],
  [
    { notReadyAddresses: [{ ip: '127.0.0.1' }] },
    [
      'subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    { ports: [{ port: 80 }] },
    ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
  ],
])('Endpoints %j', (subset, faults) =>
  expect(validateEndpoints({ subsets: [subset] } as never).map((f) => `${f.field}: ${f.message}`)).toEqual(
    faults,
  ),
);
