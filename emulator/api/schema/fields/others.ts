// The remaining groups: coordination, events, rbac, scheduling, storage, reviews, and CustomResourceDefinitions. See ../definitions.ts for how a line reads.

export const OTHERS = `
coordination.v1.Lease
  metadata 1 meta.v1.ObjectMeta
  spec 2 LeaseSpec
coordination.v1.LeaseSpec
  holderIdentity* 1 string
  leaseDurationSeconds* 2 int32
  acquireTime* 3 MicroTime
  renewTime* 4 MicroTime
  leaseTransitions* 5 int32
  strategy* 6 string
  preferredHolder* 7 string
events.v1.Event
  metadata 1 meta.v1.ObjectMeta
  eventTime! 2 MicroTime
  series 3 EventSeries
  reportingController 4 string
  reportingInstance 5 string
  action 6 string
  reason 7 string
  regarding 8 core.v1.ObjectReference
  related 9 core.v1.ObjectReference
  note 10 string
  type 11 string
  deprecatedSource 12 core.v1.EventSource
  deprecatedFirstTimestamp 13 Time
  deprecatedLastTimestamp 14 Time
  deprecatedCount 15 int32
events.v1.EventSeries
  count! 1 int32
  lastObservedTime! 2 MicroTime
rbac.v1.AggregationRule
  clusterRoleSelectors 1 []meta.v1.LabelSelector atomic
rbac.v1.ClusterRole
  metadata 1 meta.v1.ObjectMeta
  rules 2 []PolicyRule atomic
  aggregationRule 3 AggregationRule
rbac.v1.ClusterRoleBinding
  metadata 1 meta.v1.ObjectMeta
  subjects 2 []Subject atomic
  roleRef! 3 RoleRef
rbac.v1.PolicyRule
  verbs! 1 []string atomic
  apiGroups 2 []string atomic
  resources 3 []string atomic
  resourceNames 4 []string atomic
  nonResourceURLs 5 []string atomic
rbac.v1.Role
  metadata 1 meta.v1.ObjectMeta
  rules 2 []PolicyRule atomic
rbac.v1.RoleBinding
  metadata 1 meta.v1.ObjectMeta
  subjects 2 []Subject atomic
  roleRef! 3 RoleRef
rbac.v1.RoleRef atomic
  apiGroup! 1 string
  kind! 2 string
  name! 3 string
rbac.v1.Subject atomic
  kind! 1 string
  apiGroup 2 string
  name! 3 string
  namespace 4 string
scheduling.v1.PriorityClass
  metadata 1 meta.v1.ObjectMeta
  value! 2 int32
  globalDefault 3 bool
  description 4 string
  preemptionPolicy* 5 string
storage.v1.StorageClass
  metadata 1 meta.v1.ObjectMeta
  provisioner! 2 string
  parameters 3 {}string
  reclaimPolicy* 4 string
  mountOptions 5 []string atomic
  allowVolumeExpansion* 6 bool
  volumeBindingMode* 7 string
  allowedTopologies 8 []core.v1.TopologySelectorTerm atomic
authentication.v1.BoundObjectReference
  kind 1 string
  apiVersion 2 string
  name 3 string
  uid 4 string
authentication.v1.SelfSubjectReview
  metadata 1 meta.v1.ObjectMeta
  status 2 SelfSubjectReviewStatus
authentication.v1.SelfSubjectReviewStatus
  userInfo 1 UserInfo
authentication.v1.TokenRequest
  metadata 1 meta.v1.ObjectMeta
  spec! 2 TokenRequestSpec
  status 3 TokenRequestStatus
authentication.v1.TokenRequestSpec
  audiences! 1 []string atomic
  expirationSeconds* 4 int64
  boundObjectRef 3 BoundObjectReference
authentication.v1.TokenRequestStatus
  token! 1 string
  expirationTimestamp! 2 Time
authentication.v1.TokenReview
  metadata 1 meta.v1.ObjectMeta
  spec! 2 TokenReviewSpec
  status 3 TokenReviewStatus
authentication.v1.TokenReviewSpec
  token 1 string
  audiences 2 []string atomic
authentication.v1.TokenReviewStatus
  authenticated 1 bool
  user 2 UserInfo
  audiences 4 []string atomic
  error 3 string
authentication.v1.UserInfo
  username 1 string
  uid 2 string
  groups 3 []string atomic
  extra 4 {}StringList
authorization.v1.FieldSelectorAttributes
  rawSelector 1 string
  requirements 2 []meta.v1.FieldSelectorRequirement atomic
authorization.v1.LabelSelectorAttributes
  rawSelector 1 string
  requirements 2 []meta.v1.LabelSelectorRequirement atomic
authorization.v1.LocalSubjectAccessReview
  metadata 1 meta.v1.ObjectMeta
  spec! 2 SubjectAccessReviewSpec
  status 3 SubjectAccessReviewStatus
authorization.v1.NonResourceAttributes
  path 1 string
  verb 2 string
authorization.v1.NonResourceRule
  verbs! 1 []string atomic
  nonResourceURLs 2 []string atomic
authorization.v1.ResourceAttributes
  namespace 1 string
  verb 2 string
  group 3 string
  version 4 string
  resource 5 string
  subresource 6 string
  name 7 string
  fieldSelector 8 FieldSelectorAttributes
  labelSelector 9 LabelSelectorAttributes
authorization.v1.ResourceRule
  verbs! 1 []string atomic
  apiGroups 2 []string atomic
  resources 3 []string atomic
  resourceNames 4 []string atomic
authorization.v1.SelfSubjectAccessReview
  metadata 1 meta.v1.ObjectMeta
  spec! 2 SelfSubjectAccessReviewSpec
  status 3 SubjectAccessReviewStatus
authorization.v1.SelfSubjectAccessReviewSpec
  resourceAttributes 1 ResourceAttributes
  nonResourceAttributes 2 NonResourceAttributes
authorization.v1.SelfSubjectRulesReview
  metadata 1 meta.v1.ObjectMeta
  spec! 2 SelfSubjectRulesReviewSpec
  status 3 SubjectRulesReviewStatus
authorization.v1.SelfSubjectRulesReviewSpec
  namespace 1 string
authorization.v1.SubjectAccessReview
  metadata 1 meta.v1.ObjectMeta
  spec! 2 SubjectAccessReviewSpec
  status 3 SubjectAccessReviewStatus
authorization.v1.SubjectAccessReviewSpec
  resourceAttributes 1 ResourceAttributes
  nonResourceAttributes 2 NonResourceAttributes
  user 3 string
  groups 4 []string atomic
  extra 5 {}StringList
  uid 6 string
authorization.v1.SubjectAccessReviewStatus
  allowed! 1 bool
  denied 4 bool
  reason 2 string
  evaluationError 3 string
authorization.v1.SubjectRulesReviewStatus
  resourceRules! 1 []ResourceRule atomic
  nonResourceRules! 2 []NonResourceRule atomic
  incomplete! 3 bool
  evaluationError 4 string
apiextensions.v1.CustomResourceColumnDefinition
  name! 1 string
  type! 2 string
  format 3 string
  description 4 string
  priority 5 int32
  jsonPath! 6 string
apiextensions.v1.CustomResourceConversion
  strategy! 1 string
  webhook 2 WebhookConversion
apiextensions.v1.CustomResourceDefinition
  metadata 1 meta.v1.ObjectMeta
  spec! 2 CustomResourceDefinitionSpec
  status 3 CustomResourceDefinitionStatus
apiextensions.v1.CustomResourceDefinitionCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
apiextensions.v1.CustomResourceDefinitionNames
  plural! 1 string
  singular 2 string
  shortNames 3 []string atomic
  kind! 4 string
  listKind 5 string
  categories 6 []string atomic
apiextensions.v1.CustomResourceDefinitionSpec
  group! 1 string
  names! 3 CustomResourceDefinitionNames
  scope! 4 string
  versions! 7 []CustomResourceDefinitionVersion atomic
  conversion 9 CustomResourceConversion
  preserveUnknownFields 10 bool
apiextensions.v1.CustomResourceDefinitionStatus
  conditions 1 []CustomResourceDefinitionCondition map=type
  acceptedNames 2 CustomResourceDefinitionNames
  storedVersions 3 []string atomic
apiextensions.v1.CustomResourceDefinitionVersion
  name! 1 string
  served! 2 bool
  storage! 3 bool
  deprecated 7 bool
  deprecationWarning* 8 string
  schema 4 CustomResourceValidation
  subresources 5 CustomResourceSubresources
  additionalPrinterColumns 6 []CustomResourceColumnDefinition atomic
  selectableFields 9 []SelectableField atomic
apiextensions.v1.CustomResourceSubresourceScale
  specReplicasPath! 1 string
  statusReplicasPath! 2 string
  labelSelectorPath* 3 string
apiextensions.v1.CustomResourceSubresourceStatus
apiextensions.v1.CustomResourceSubresources
  status 1 CustomResourceSubresourceStatus
  scale 2 CustomResourceSubresourceScale
apiextensions.v1.CustomResourceValidation
  openAPIV3Schema* 1 JSON
apiextensions.v1.SelectableField
  jsonPath! 1 string
apiextensions.v1.ServiceReference
  namespace! 1 string
  name! 2 string
  path* 3 string
  port* 4 int32
apiextensions.v1.WebhookClientConfig
  url* 3 string
  service 1 ServiceReference
  caBundle 2 bytes
apiextensions.v1.WebhookConversion
  clientConfig 2 WebhookClientConfig
  conversionReviewVersions! 3 []string atomic
`;
