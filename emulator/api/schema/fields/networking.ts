// k8s.io/api networking and discovery. See ../definitions.ts for how a line reads.

export const NETWORKING = `
networking.v1.HTTPIngressPath
  path 1 string
  pathType! 3 string
  backend! 2 IngressBackend
networking.v1.HTTPIngressRuleValue
  paths! 1 []HTTPIngressPath atomic
networking.v1.IPBlock
  cidr! 1 string
  except 2 []string atomic
networking.v1.Ingress
  metadata 1 meta.v1.ObjectMeta
  spec 2 IngressSpec
  status 3 IngressStatus
networking.v1.IngressBackend
  service 4 IngressServiceBackend
  resource 3 core.v1.TypedLocalObjectReference
networking.v1.IngressClass
  metadata 1 meta.v1.ObjectMeta
  spec 2 IngressClassSpec
networking.v1.IngressClassParametersReference
  apiGroup* 1 string
  kind! 2 string
  name! 3 string
  scope* 4 string
  namespace* 5 string
networking.v1.IngressClassSpec
  controller 1 string
  parameters 2 IngressClassParametersReference
networking.v1.IngressLoadBalancerIngress
  ip 1 string
  hostname 2 string
  ports 4 []IngressPortStatus atomic
networking.v1.IngressLoadBalancerStatus
  ingress 1 []IngressLoadBalancerIngress atomic
networking.v1.IngressPortStatus
  port! 1 int32
  protocol! 2 string
  error* 3 string
networking.v1.IngressRule
  host 1 string
  ingressRuleValue~ 2 IngressRuleValue
networking.v1.IngressRuleValue
  http 1 HTTPIngressRuleValue
networking.v1.IngressServiceBackend
  name! 1 string
  port 2 ServiceBackendPort
networking.v1.IngressSpec
  ingressClassName* 4 string
  defaultBackend 1 IngressBackend
  tls 2 []IngressTLS atomic
  rules 3 []IngressRule atomic
networking.v1.IngressStatus
  loadBalancer 1 IngressLoadBalancerStatus
networking.v1.IngressTLS
  hosts 1 []string atomic
  secretName 2 string
networking.v1.NetworkPolicy
  metadata 1 meta.v1.ObjectMeta
  spec 2 NetworkPolicySpec
networking.v1.NetworkPolicyEgressRule
  ports 1 []NetworkPolicyPort atomic
  to 2 []NetworkPolicyPeer atomic
networking.v1.NetworkPolicyIngressRule
  ports 1 []NetworkPolicyPort atomic
  from 2 []NetworkPolicyPeer atomic
networking.v1.NetworkPolicyPeer
  podSelector 1 meta.v1.LabelSelector
  namespaceSelector 2 meta.v1.LabelSelector
  ipBlock 3 IPBlock
networking.v1.NetworkPolicyPort
  protocol* 1 string
  port* 2 IntOrString
  endPort* 3 int32
networking.v1.NetworkPolicySpec
  podSelector! 1 meta.v1.LabelSelector
  ingress 2 []NetworkPolicyIngressRule atomic
  egress 3 []NetworkPolicyEgressRule atomic
  policyTypes 4 []string atomic
networking.v1.ServiceBackendPort atomic
  name 1 string
  number 2 int32
networking.v1beta1.IPAddress
  metadata 1 meta.v1.ObjectMeta
  spec 2 IPAddressSpec
networking.v1beta1.IPAddressSpec
  parentRef! 1 ParentReference
networking.v1beta1.ParentReference
  group 1 string
  resource! 2 string
  namespace 3 string
  name! 4 string
networking.v1beta1.ServiceCIDR
  metadata 1 meta.v1.ObjectMeta
  spec 2 ServiceCIDRSpec
  status 3 ServiceCIDRStatus
networking.v1beta1.ServiceCIDRSpec
  cidrs 1 []string atomic
networking.v1beta1.ServiceCIDRStatus
  conditions 1 []meta.v1.Condition map=type merge=type
discovery.v1.Endpoint
  addresses! 1 []string set
  conditions 2 EndpointConditions
  hostname* 3 string
  targetRef 4 core.v1.ObjectReference
  deprecatedTopology 5 {}string
  nodeName* 6 string
  zone* 7 string
  hints 8 EndpointHints
discovery.v1.EndpointConditions
  ready* 1 bool
  serving* 2 bool
  terminating* 3 bool
discovery.v1.EndpointHints
  forZones 1 []ForZone atomic
discovery.v1.EndpointPort atomic
  name* 1 string
  protocol* 2 string
  port* 3 int32
  appProtocol* 4 string
discovery.v1.EndpointSlice
  metadata 1 meta.v1.ObjectMeta
  addressType! 4 string
  endpoints! 2 []Endpoint atomic
  ports 3 []EndpointPort atomic
discovery.v1.ForZone
  name! 1 string
`;
