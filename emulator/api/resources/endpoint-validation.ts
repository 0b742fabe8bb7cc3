// What may stand in Endpoints and EndpointSlices: ValidateEndpoints of pkg/apis/core/validation and ValidateEndpointSlice of
// pkg/apis/discovery/validation, as far as addresses and ports go.
import { type Fields, fieldsOf, isFields, listOf } from '../fields.ts';
import { type FieldError, invalidValue, notSupported, required } from '../status-error.ts';
import { isIpv4 } from './service-addresses.ts';

const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];

/** ValidateNonSpecialIP: addresses that mean something else on every host. */
export function nonSpecialIp(field: string, address: string): FieldError[] {
  const why = special(address);
  return why === undefined ? [] : [invalidValue(field, address, why)];
}

function special(address: string): string | undefined {
  if (address === '0.0.0.0') return 'may not be unspecified (0.0.0.0)';
  if (address.startsWith('127.')) return 'may not be in the loopback range (127.0.0.0/8, ::1/128)';
  if (address.startsWith('169.254.')) return 'may not be in the link-local range (169.254.0.0/16, fe80::/10)';
  if (address.startsWith('224.0.0.'))
    return 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)';
  return undefined;
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function validateEndpoints(object: Fields): FieldError[] {
  const errors: FieldError[] = [];
  listOf(object['subsets']).forEach((subset, s) => {
    const { addresses, notReadyAddresses, ports } = fieldsOf(subset);
    const at = `subsets[${s}]`;
    if (listOf(addresses).length + listOf(notReadyAddresses).length === 0)
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    for (const [name, list] of [
      ['addresses', addresses],
      ['notReadyAddresses', notReadyAddresses],
    ] as const)
      listOf(list).forEach((address, i) => {
        const field = `${at}.${name}[${i}].ip`;
        const ip = text(fieldsOf(address)['ip']);
        if (isIpv4(ip)) errors.push(...nonSpecialIp(field, ip));
        else
          errors.push(
            invalidValue(field, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'),
          );
      });
    errors.push(...validatePorts(ports, at));
  });
  return errors;
}

export function validateEndpointSlice(object: Fields): FieldError[] {
  const errors: FieldError[] = [];
  const type = object['addressType'];
  if (type === undefined || type === '') errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(text(type))) errors.push(notSupported('addressType', type, ADDRESS_TYPES));
  listOf(object['endpoints']).forEach((endpoint, e) => {
    const addresses = listOf(fieldsOf(endpoint)['addresses']);
    const at = `endpoints[${e}].addresses`;
    if (addresses.length === 0) errors.push(required(at, 'must contain at least 1 address'));
    if (type !== 'IPv4') return;
    addresses.forEach((address, i) => {
      const field = `${at}[${i}]`;
      if (isIpv4(text(address))) errors.push(...nonSpecialIp(field, text(address)));
      else errors.push(invalidValue(field, address, 'must be a valid IPv4 address'));
    });
  });
  errors.push(...validatePorts(object['ports'], ''));
  return errors;
}

function validatePorts(ports: unknown, at: string): FieldError[] {
  const errors: FieldError[] = [];
  listOf(ports).forEach((port, i) => {
    if (!isFields(port)) return;
    const field = `${at === '' ? '' : `${at}.`}ports[${i}]`;
    const { port: number, protocol } = port;
    if (number !== undefined && !(typeof number === 'number' && number >= 1 && number <= 65_535))
      errors.push(invalidValue(`${field}.port`, number, 'must be between 1 and 65535, inclusive'));
    if (protocol !== undefined && !PROTOCOLS.includes(text(protocol)))
      errors.push(notSupported(`${field}.protocol`, protocol, PROTOCOLS));
  });
  return errors;
}
