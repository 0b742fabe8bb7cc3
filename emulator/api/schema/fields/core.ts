// The core group: k8s.io/api/core/v1. See ../definitions.ts for how a line reads.

export const CORE = `
core.v1.AWSElasticBlockStoreVolumeSource
  volumeID! 1 string
  fsType 2 string
  partition 3 int32
  readOnly 4 bool
core.v1.Affinity
  nodeAffinity 1 NodeAffinity
  podAffinity 2 PodAffinity
  podAntiAffinity 3 PodAntiAffinity
core.v1.AppArmorProfile
  type! 1 string
  localhostProfile* 2 string
core.v1.AttachedVolume
  name! 1 string
  devicePath! 2 string
core.v1.AzureDiskVolumeSource
  diskName! 1 string
  diskURI! 2 string
  cachingMode* 3 string
  fsType* 4 string
  readOnly* 5 bool
  kind* 6 string
core.v1.AzureFilePersistentVolumeSource
  secretName! 1 string
  shareName! 2 string
  readOnly 3 bool
  secretNamespace* 4 string
core.v1.AzureFileVolumeSource
  secretName! 1 string
  shareName! 2 string
  readOnly 3 bool
core.v1.Binding
  metadata 1 meta.v1.ObjectMeta
  target! 2 ObjectReference
core.v1.CSIPersistentVolumeSource
  driver! 1 string
  volumeHandle! 2 string
  readOnly 3 bool
  fsType 4 string
  volumeAttributes 5 {}string
  controllerPublishSecretRef 6 SecretReference
  nodeStageSecretRef 7 SecretReference
  nodePublishSecretRef 8 SecretReference
  controllerExpandSecretRef 9 SecretReference
  nodeExpandSecretRef 10 SecretReference
core.v1.CSIVolumeSource
  driver! 1 string
  readOnly* 2 bool
  fsType* 3 string
  volumeAttributes 4 {}string
  nodePublishSecretRef 5 LocalObjectReference
core.v1.Capabilities
  add 1 []string atomic
  drop 2 []string atomic
core.v1.CephFSPersistentVolumeSource
  monitors! 1 []string atomic
  path 2 string
  user 3 string
  secretFile 4 string
  secretRef 5 SecretReference
  readOnly 6 bool
core.v1.CephFSVolumeSource
  monitors! 1 []string atomic
  path 2 string
  user 3 string
  secretFile 4 string
  secretRef 5 LocalObjectReference
  readOnly 6 bool
core.v1.CinderPersistentVolumeSource
  volumeID! 1 string
  fsType 2 string
  readOnly 3 bool
  secretRef 4 SecretReference
core.v1.CinderVolumeSource
  volumeID! 1 string
  fsType 2 string
  readOnly 3 bool
  secretRef 4 LocalObjectReference
core.v1.ClientIPConfig
  timeoutSeconds* 1 int32
core.v1.ClusterTrustBundleProjection
  name* 1 string
  signerName* 2 string
  labelSelector 3 meta.v1.LabelSelector
  optional* 5 bool
  path! 4 string
core.v1.ConfigMap
  metadata 1 meta.v1.ObjectMeta
  immutable* 4 bool
  data 2 {}string
  binaryData 3 {}bytes
core.v1.ConfigMapEnvSource
  localObjectReference~ 1 LocalObjectReference
  optional* 2 bool
core.v1.ConfigMapKeySelector atomic
  localObjectReference~ 1 LocalObjectReference
  key! 2 string
  optional* 3 bool
core.v1.ConfigMapNodeConfigSource
  namespace! 1 string
  name! 2 string
  uid 3 string
  resourceVersion 4 string
  kubeletConfigKey! 5 string
core.v1.ConfigMapProjection
  localObjectReference~ 1 LocalObjectReference
  items 2 []KeyToPath atomic
  optional* 4 bool
core.v1.ConfigMapVolumeSource
  localObjectReference~ 1 LocalObjectReference
  items 2 []KeyToPath atomic
  defaultMode* 3 int32
  optional* 4 bool
core.v1.Container
  name! 1 string
  image 2 string
  command 3 []string atomic
  args 4 []string atomic
  workingDir 5 string
  ports 6 []ContainerPort map=containerPort,protocol merge=containerPort
  envFrom 19 []EnvFromSource atomic
  env 7 []EnvVar map=name merge=name
  resources 8 ResourceRequirements
  resizePolicy 23 []ContainerResizePolicy atomic
  restartPolicy* 24 string
  volumeMounts 9 []VolumeMount map=mountPath merge=mountPath
  volumeDevices 21 []VolumeDevice map=devicePath merge=devicePath
  livenessProbe 10 Probe
  readinessProbe 11 Probe
  startupProbe 22 Probe
  lifecycle 12 Lifecycle
  terminationMessagePath 13 string
  terminationMessagePolicy 20 string
  imagePullPolicy 14 string
  securityContext 15 SecurityContext
  stdin 16 bool
  stdinOnce 17 bool
  tty 18 bool
core.v1.ContainerImage
  names 1 []string atomic
  sizeBytes 2 int64
core.v1.ContainerPort
  name 1 string
  hostPort 2 int32
  containerPort! 3 int32
  protocol 4 string
  hostIP 5 string
core.v1.ContainerResizePolicy
  resourceName! 1 string
  restartPolicy! 2 string
core.v1.ContainerState
  waiting 1 ContainerStateWaiting
  running 2 ContainerStateRunning
  terminated 3 ContainerStateTerminated
core.v1.ContainerStateRunning
  startedAt 1 Time
core.v1.ContainerStateTerminated
  exitCode! 1 int32
  signal 2 int32
  reason 3 string
  message 4 string
  startedAt 5 Time
  finishedAt 6 Time
  containerID 7 string
core.v1.ContainerStateWaiting
  reason 1 string
  message 2 string
core.v1.ContainerStatus
  name! 1 string
  state 2 ContainerState
  lastState 3 ContainerState
  ready! 4 bool
  restartCount! 5 int32
  image! 6 string
  imageID! 7 string
  containerID 8 string
  started* 9 bool
  allocatedResources 10 {}Quantity
  resources 11 ResourceRequirements
  volumeMounts 12 []VolumeMountStatus map=mountPath merge=mountPath
  user 13 ContainerUser
  allocatedResourcesStatus 14 []ResourceStatus map=name merge=name
core.v1.ContainerUser
  linux 1 LinuxContainerUser
core.v1.DaemonEndpoint
  Port! 1 int32
core.v1.DownwardAPIProjection
  items 1 []DownwardAPIVolumeFile atomic
core.v1.DownwardAPIVolumeFile
  path! 1 string
  fieldRef 2 ObjectFieldSelector
  resourceFieldRef 3 ResourceFieldSelector
  mode* 4 int32
core.v1.DownwardAPIVolumeSource
  items 1 []DownwardAPIVolumeFile atomic
  defaultMode* 2 int32
core.v1.EmptyDirVolumeSource
  medium 1 string
  sizeLimit* 2 Quantity
core.v1.EndpointAddress atomic
  ip! 1 string
  hostname 3 string
  nodeName* 4 string
  targetRef 2 ObjectReference
core.v1.EndpointPort atomic
  name 1 string
  port! 2 int32
  protocol 3 string
  appProtocol* 4 string
core.v1.EndpointSubset
  addresses 1 []EndpointAddress atomic
  notReadyAddresses 2 []EndpointAddress atomic
  ports 3 []EndpointPort atomic
core.v1.Endpoints
  metadata 1 meta.v1.ObjectMeta
  subsets 2 []EndpointSubset atomic
core.v1.EnvFromSource
  prefix 1 string
  configMapRef 2 ConfigMapEnvSource
  secretRef 3 SecretEnvSource
core.v1.EnvVar
  name! 1 string
  value 2 string
  valueFrom 3 EnvVarSource
core.v1.EnvVarSource
  fieldRef 1 ObjectFieldSelector
  resourceFieldRef 2 ResourceFieldSelector
  configMapKeyRef 3 ConfigMapKeySelector
  secretKeyRef 4 SecretKeySelector
core.v1.EphemeralContainer
  ephemeralContainerCommon~ 1 EphemeralContainerCommon
  targetContainerName 2 string
core.v1.EphemeralContainerCommon
  name 1 string
  image 2 string
  command 3 []string atomic
  args 4 []string atomic
  workingDir 5 string
  ports 6 []ContainerPort map=containerPort,protocol merge=containerPort
  envFrom 19 []EnvFromSource atomic
  env 7 []EnvVar map=name merge=name
  resources 8 ResourceRequirements
  resizePolicy 23 []ContainerResizePolicy atomic
  restartPolicy* 24 string
  volumeMounts 9 []VolumeMount map=mountPath merge=mountPath
  volumeDevices 21 []VolumeDevice map=devicePath merge=devicePath
  livenessProbe 10 Probe
  readinessProbe 11 Probe
  startupProbe 22 Probe
  lifecycle 12 Lifecycle
  terminationMessagePath 13 string
  terminationMessagePolicy 20 string
  imagePullPolicy 14 string
  securityContext 15 SecurityContext
  stdin 16 bool
  stdinOnce 17 bool
  tty 18 bool
core.v1.EphemeralVolumeSource
  volumeClaimTemplate 1 PersistentVolumeClaimTemplate
core.v1.Event
  metadata! 1 meta.v1.ObjectMeta
  involvedObject! 2 ObjectReference
  reason 3 string
  message 4 string
  source 5 EventSource
  firstTimestamp 6 Time
  lastTimestamp 7 Time
  count 8 int32
  type 9 string
  eventTime 10 MicroTime
  series 11 EventSeries
  action 12 string
  related 13 ObjectReference
  reportingComponent 14 string
  reportingInstance 15 string
core.v1.EventSeries
  count 1 int32
  lastObservedTime 2 MicroTime
core.v1.EventSource
  component 1 string
  host 2 string
core.v1.ExecAction
  command 1 []string atomic
core.v1.FCVolumeSource
  targetWWNs 1 []string atomic
  lun* 2 int32
  fsType 3 string
  readOnly 4 bool
  wwids 5 []string atomic
core.v1.FlexPersistentVolumeSource
  driver! 1 string
  fsType 2 string
  secretRef 3 SecretReference
  readOnly 4 bool
  options 5 {}string
core.v1.FlexVolumeSource
  driver! 1 string
  fsType 2 string
  secretRef 3 LocalObjectReference
  readOnly 4 bool
  options 5 {}string
core.v1.FlockerVolumeSource
  datasetName 1 string
  datasetUUID 2 string
core.v1.GCEPersistentDiskVolumeSource
  pdName! 1 string
  fsType 2 string
  partition 3 int32
  readOnly 4 bool
core.v1.GRPCAction
  port! 1 int32
  service* 2 string
core.v1.GitRepoVolumeSource
  repository! 1 string
  revision 2 string
  directory 3 string
core.v1.GlusterfsPersistentVolumeSource
  endpoints! 1 string
  path! 2 string
  readOnly 3 bool
  endpointsNamespace* 4 string
core.v1.GlusterfsVolumeSource
  endpoints! 1 string
  path! 2 string
  readOnly 3 bool
core.v1.HTTPGetAction
  path 1 string
  port! 2 IntOrString
  host 3 string
  scheme 4 string
  httpHeaders 5 []HTTPHeader atomic
core.v1.HTTPHeader
  name! 1 string
  value! 2 string
core.v1.HostAlias
  ip! 1 string
  hostnames 2 []string atomic
core.v1.HostIP
  ip! 1 string
core.v1.HostPathVolumeSource
  path! 1 string
  type* 2 string
core.v1.ISCSIPersistentVolumeSource
  targetPortal! 1 string
  iqn! 2 string
  lun! 3 int32
  iscsiInterface 4 string
  fsType 5 string
  readOnly 6 bool
  portals 7 []string atomic
  chapAuthDiscovery 8 bool
  chapAuthSession 11 bool
  secretRef 10 SecretReference
  initiatorName* 12 string
core.v1.ISCSIVolumeSource
  targetPortal! 1 string
  iqn! 2 string
  lun! 3 int32
  iscsiInterface 4 string
  fsType 5 string
  readOnly 6 bool
  portals 7 []string atomic
  chapAuthDiscovery 8 bool
  chapAuthSession 11 bool
  secretRef 10 LocalObjectReference
  initiatorName* 12 string
core.v1.ImageVolumeSource
  reference 1 string
  pullPolicy 2 string
core.v1.KeyToPath
  key! 1 string
  path! 2 string
  mode* 3 int32
core.v1.Lifecycle
  postStart 1 LifecycleHandler
  preStop 2 LifecycleHandler
core.v1.LifecycleHandler
  exec 1 ExecAction
  httpGet 2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  sleep 4 SleepAction
core.v1.LimitRange
  metadata 1 meta.v1.ObjectMeta
  spec 2 LimitRangeSpec
core.v1.LimitRangeItem
  type! 1 string
  max 2 {}Quantity
  min 3 {}Quantity
  default 4 {}Quantity
  defaultRequest 5 {}Quantity
  maxLimitRequestRatio 6 {}Quantity
core.v1.LimitRangeSpec
  limits! 1 []LimitRangeItem atomic
core.v1.LinuxContainerUser
  uid! 1 int64
  gid! 2 int64
  supplementalGroups 3 []int64 atomic
core.v1.LoadBalancerIngress
  ip 1 string
  hostname 2 string
  ipMode* 3 string
  ports 4 []PortStatus atomic
core.v1.LoadBalancerStatus
  ingress 1 []LoadBalancerIngress atomic
core.v1.LocalObjectReference atomic
  name 1 string
core.v1.LocalVolumeSource
  path! 1 string
  fsType* 2 string
core.v1.ModifyVolumeStatus
  targetVolumeAttributesClassName 1 string
  status! 2 string
core.v1.NFSVolumeSource
  server! 1 string
  path! 2 string
  readOnly 3 bool
core.v1.Namespace
  metadata 1 meta.v1.ObjectMeta
  spec 2 NamespaceSpec
  status 3 NamespaceStatus
core.v1.NamespaceCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 4 Time
  reason 5 string
  message 6 string
core.v1.NamespaceSpec
  finalizers 1 []string atomic
core.v1.NamespaceStatus
  phase 1 string
  conditions 2 []NamespaceCondition map=type merge=type
core.v1.Node
  metadata 1 meta.v1.ObjectMeta
  spec 2 NodeSpec
  status 3 NodeStatus
core.v1.NodeAddress
  type! 1 string
  address! 2 string
core.v1.NodeAffinity
  requiredDuringSchedulingIgnoredDuringExecution 1 NodeSelector
  preferredDuringSchedulingIgnoredDuringExecution 2 []PreferredSchedulingTerm atomic
core.v1.NodeCondition
  type! 1 string
  status! 2 string
  lastHeartbeatTime 3 Time
  lastTransitionTime 4 Time
  reason 5 string
  message 6 string
core.v1.NodeConfigSource
  configMap 2 ConfigMapNodeConfigSource
core.v1.NodeConfigStatus
  assigned 1 NodeConfigSource
  active 2 NodeConfigSource
  lastKnownGood 3 NodeConfigSource
  error 4 string
core.v1.NodeDaemonEndpoints
  kubeletEndpoint 1 DaemonEndpoint
core.v1.NodeFeatures
  supplementalGroupsPolicy* 1 bool
core.v1.NodeRuntimeHandler
  name 1 string
  features 2 NodeRuntimeHandlerFeatures
core.v1.NodeRuntimeHandlerFeatures
  recursiveReadOnlyMounts* 1 bool
  userNamespaces* 2 bool
core.v1.NodeSelector atomic
  nodeSelectorTerms! 1 []NodeSelectorTerm atomic
core.v1.NodeSelectorRequirement
  key! 1 string
  operator! 2 string
  values 3 []string atomic
core.v1.NodeSelectorTerm atomic
  matchExpressions 1 []NodeSelectorRequirement atomic
  matchFields 2 []NodeSelectorRequirement atomic
core.v1.NodeSpec
  podCIDR 1 string
  podCIDRs 7 []string set merge
  providerID 3 string
  unschedulable 4 bool
  taints 5 []Taint atomic
  configSource 6 NodeConfigSource
  externalID 2 string
core.v1.NodeStatus
  capacity 1 {}Quantity
  allocatable 2 {}Quantity
  phase 3 string
  conditions 4 []NodeCondition map=type merge=type
  addresses 5 []NodeAddress map=type merge=type
  daemonEndpoints 6 NodeDaemonEndpoints
  nodeInfo 7 NodeSystemInfo
  images 8 []ContainerImage atomic
  volumesInUse 9 []string atomic
  volumesAttached 10 []AttachedVolume atomic
  config 11 NodeConfigStatus
  runtimeHandlers 12 []NodeRuntimeHandler atomic
  features 13 NodeFeatures
core.v1.NodeSystemInfo
  machineID! 1 string
  systemUUID! 2 string
  bootID! 3 string
  kernelVersion! 4 string
  osImage! 5 string
  containerRuntimeVersion! 6 string
  kubeletVersion! 7 string
  kubeProxyVersion! 8 string
  operatingSystem! 9 string
  architecture! 10 string
core.v1.ObjectFieldSelector atomic
  apiVersion 1 string
  fieldPath! 2 string
core.v1.ObjectReference atomic
  kind 1 string
  namespace 2 string
  name 3 string
  uid 4 string
  apiVersion 5 string
  resourceVersion 6 string
  fieldPath 7 string
core.v1.PersistentVolume
  metadata 1 meta.v1.ObjectMeta
  spec 2 PersistentVolumeSpec
  status 3 PersistentVolumeStatus
core.v1.PersistentVolumeClaim
  metadata 1 meta.v1.ObjectMeta
  spec 2 PersistentVolumeClaimSpec
  status 3 PersistentVolumeClaimStatus
core.v1.PersistentVolumeClaimCondition
  type! 1 string
  status! 2 string
  lastProbeTime 3 Time
  lastTransitionTime 4 Time
  reason 5 string
  message 6 string
core.v1.PersistentVolumeClaimSpec
  accessModes 1 []string atomic
  selector 4 meta.v1.LabelSelector
  resources 2 VolumeResourceRequirements
  volumeName 3 string
  storageClassName* 5 string
  volumeMode* 6 string
  dataSource 7 TypedLocalObjectReference
  dataSourceRef 8 TypedObjectReference
  volumeAttributesClassName* 9 string
core.v1.PersistentVolumeClaimStatus
  phase 1 string
  accessModes 2 []string atomic
  capacity 3 {}Quantity
  conditions 4 []PersistentVolumeClaimCondition map=type merge=type
  allocatedResources 5 {}Quantity
  allocatedResourceStatuses 7 {}string
  currentVolumeAttributesClassName* 8 string
  modifyVolumeStatus 9 ModifyVolumeStatus
core.v1.PersistentVolumeClaimTemplate
  metadata 1 meta.v1.ObjectMeta
  spec! 2 PersistentVolumeClaimSpec
core.v1.PersistentVolumeClaimVolumeSource
  claimName! 1 string
  readOnly 2 bool
core.v1.PersistentVolumeSource
  gcePersistentDisk 1 GCEPersistentDiskVolumeSource
  awsElasticBlockStore 2 AWSElasticBlockStoreVolumeSource
  hostPath 3 HostPathVolumeSource
  glusterfs 4 GlusterfsPersistentVolumeSource
  nfs 5 NFSVolumeSource
  rbd 6 RBDPersistentVolumeSource
  iscsi 7 ISCSIPersistentVolumeSource
  cinder 8 CinderPersistentVolumeSource
  cephfs 9 CephFSPersistentVolumeSource
  fc 10 FCVolumeSource
  flocker 11 FlockerVolumeSource
  flexVolume 12 FlexPersistentVolumeSource
  azureFile 13 AzureFilePersistentVolumeSource
  vsphereVolume 14 VsphereVirtualDiskVolumeSource
  quobyte 15 QuobyteVolumeSource
  azureDisk 16 AzureDiskVolumeSource
  photonPersistentDisk 17 PhotonPersistentDiskVolumeSource
  portworxVolume 18 PortworxVolumeSource
  scaleIO 19 ScaleIOPersistentVolumeSource
  local 20 LocalVolumeSource
  storageos 21 StorageOSPersistentVolumeSource
  csi 22 CSIPersistentVolumeSource
core.v1.PersistentVolumeSpec
  capacity 1 {}Quantity
  persistentVolumeSource~ 2 PersistentVolumeSource
  accessModes 3 []string atomic
  claimRef 4 ObjectReference
  persistentVolumeReclaimPolicy 5 string
  storageClassName 6 string
  mountOptions 7 []string atomic
  volumeMode* 8 string
  nodeAffinity 9 VolumeNodeAffinity
  volumeAttributesClassName* 10 string
core.v1.PersistentVolumeStatus
  phase 1 string
  message 2 string
  reason 3 string
  lastPhaseTransitionTime* 4 Time
core.v1.PhotonPersistentDiskVolumeSource
  pdID! 1 string
  fsType 2 string
core.v1.Pod
  metadata 1 meta.v1.ObjectMeta
  spec 2 PodSpec
  status 3 PodStatus
core.v1.PodAffinity
  requiredDuringSchedulingIgnoredDuringExecution 1 []PodAffinityTerm atomic
  preferredDuringSchedulingIgnoredDuringExecution 2 []WeightedPodAffinityTerm atomic
core.v1.PodAffinityTerm
  labelSelector 1 meta.v1.LabelSelector
  namespaces 2 []string atomic
  topologyKey! 3 string
  namespaceSelector 4 meta.v1.LabelSelector
  matchLabelKeys 5 []string atomic
  mismatchLabelKeys 6 []string atomic
core.v1.PodAntiAffinity
  requiredDuringSchedulingIgnoredDuringExecution 1 []PodAffinityTerm atomic
  preferredDuringSchedulingIgnoredDuringExecution 2 []WeightedPodAffinityTerm atomic
core.v1.PodCondition
  type! 1 string
  status! 2 string
  lastProbeTime 3 Time
  lastTransitionTime 4 Time
  reason 5 string
  message 6 string
core.v1.PodDNSConfig
  nameservers 1 []string atomic
  searches 2 []string atomic
  options 3 []PodDNSConfigOption atomic
core.v1.PodDNSConfigOption
  name 1 string
  value* 2 string
core.v1.PodIP
  ip! 1 string
core.v1.PodOS
  name! 1 string
core.v1.PodReadinessGate
  conditionType! 1 string
core.v1.PodResourceClaim
  name! 1 string
  resourceClaimName* 3 string
  resourceClaimTemplateName* 4 string
core.v1.PodResourceClaimStatus
  name! 1 string
  resourceClaimName* 2 string
core.v1.PodSchedulingGate
  name! 1 string
core.v1.PodSecurityContext
  seLinuxOptions 1 SELinuxOptions
  windowsOptions 8 WindowsSecurityContextOptions
  runAsUser* 2 int64
  runAsGroup* 6 int64
  runAsNonRoot* 3 bool
  supplementalGroups 4 []int64 atomic
  supplementalGroupsPolicy* 12 string
  fsGroup* 5 int64
  sysctls 7 []Sysctl atomic
  fsGroupChangePolicy* 9 string
  seccompProfile 10 SeccompProfile
  appArmorProfile 11 AppArmorProfile
  seLinuxChangePolicy* 13 string
core.v1.PodSpec
  volumes 1 []Volume map=name merge=name retainKeys
  initContainers 20 []Container map=name merge=name
  containers! 2 []Container map=name merge=name
  ephemeralContainers 34 []EphemeralContainer map=name merge=name
  restartPolicy 3 string
  terminationGracePeriodSeconds* 4 int64
  activeDeadlineSeconds* 5 int64
  dnsPolicy 6 string
  nodeSelector 7 {}string atomic
  serviceAccountName 8 string
  serviceAccount 9 string
  automountServiceAccountToken* 21 bool
  nodeName 10 string
  hostNetwork 11 bool
  hostPID 12 bool
  hostIPC 13 bool
  shareProcessNamespace* 27 bool
  securityContext 14 PodSecurityContext
  imagePullSecrets 15 []LocalObjectReference map=name merge=name
  hostname 16 string
  subdomain 17 string
  affinity 18 Affinity
  schedulerName 19 string
  tolerations 22 []Toleration atomic
  hostAliases 23 []HostAlias map=ip merge=ip
  priorityClassName 24 string
  priority* 25 int32
  dnsConfig 26 PodDNSConfig
  readinessGates 28 []PodReadinessGate atomic
  runtimeClassName* 29 string
  enableServiceLinks* 30 bool
  preemptionPolicy* 31 string
  overhead 32 {}Quantity
  topologySpreadConstraints 33 []TopologySpreadConstraint map=topologyKey,whenUnsatisfiable merge=topologyKey
  setHostnameAsFQDN* 35 bool
  os 36 PodOS
  hostUsers* 37 bool
  schedulingGates 38 []PodSchedulingGate map=name merge=name
  resourceClaims 39 []PodResourceClaim map=name merge=name retainKeys
  resources 40 ResourceRequirements
core.v1.PodStatus
  phase 1 string
  conditions 2 []PodCondition map=type merge=type
  message 3 string
  reason 4 string
  nominatedNodeName 11 string
  hostIP 5 string
  hostIPs 16 []HostIP atomic merge=ip
  podIP 6 string
  podIPs 12 []PodIP map=ip merge=ip
  startTime* 7 Time
  initContainerStatuses 10 []ContainerStatus atomic
  containerStatuses 8 []ContainerStatus atomic
  qosClass 9 string
  ephemeralContainerStatuses 13 []ContainerStatus atomic
  resize 14 string
  resourceClaimStatuses 15 []PodResourceClaimStatus map=name merge=name retainKeys
core.v1.PodTemplate
  metadata 1 meta.v1.ObjectMeta
  template 2 PodTemplateSpec
core.v1.PodTemplateSpec
  metadata 1 meta.v1.ObjectMeta
  spec 2 PodSpec
core.v1.PortStatus
  port! 1 int32
  protocol! 2 string
  error* 3 string
core.v1.PortworxVolumeSource
  volumeID! 1 string
  fsType 2 string
  readOnly 3 bool
core.v1.PreferredSchedulingTerm
  weight! 1 int32
  preference! 2 NodeSelectorTerm
core.v1.Probe
  handler~ 1 ProbeHandler
  initialDelaySeconds 2 int32
  timeoutSeconds 3 int32
  periodSeconds 4 int32
  successThreshold 5 int32
  failureThreshold 6 int32
  terminationGracePeriodSeconds* 7 int64
core.v1.ProbeHandler
  exec 1 ExecAction
  httpGet 2 HTTPGetAction
  tcpSocket 3 TCPSocketAction
  grpc 4 GRPCAction
core.v1.ProjectedVolumeSource
  sources 1 []VolumeProjection atomic
  defaultMode* 2 int32
core.v1.QuobyteVolumeSource
  registry! 1 string
  volume! 2 string
  readOnly 3 bool
  user 4 string
  group 5 string
  tenant 6 string
core.v1.RBDPersistentVolumeSource
  monitors! 1 []string atomic
  image! 2 string
  fsType 3 string
  pool 4 string
  user 5 string
  keyring 6 string
  secretRef 7 SecretReference
  readOnly 8 bool
core.v1.RBDVolumeSource
  monitors! 1 []string atomic
  image! 2 string
  fsType 3 string
  pool 4 string
  user 5 string
  keyring 6 string
  secretRef 7 LocalObjectReference
  readOnly 8 bool
core.v1.ReplicationController
  metadata 1 meta.v1.ObjectMeta
  spec 2 ReplicationControllerSpec
  status 3 ReplicationControllerStatus
core.v1.ReplicationControllerCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
core.v1.ReplicationControllerSpec
  replicas* 1 int32
  minReadySeconds 4 int32
  selector 2 {}string atomic
  template 3 PodTemplateSpec
core.v1.ReplicationControllerStatus
  replicas! 1 int32
  fullyLabeledReplicas 2 int32
  readyReplicas 4 int32
  availableReplicas 5 int32
  observedGeneration 3 int64
  conditions 6 []ReplicationControllerCondition map=type merge=type
core.v1.ResourceClaim
  name! 1 string
  request 2 string
core.v1.ResourceFieldSelector atomic
  containerName 1 string
  resource! 2 string
  divisor 3 Quantity
core.v1.ResourceHealth
  resourceID! 1 string
  health 2 string
core.v1.ResourceQuota
  metadata 1 meta.v1.ObjectMeta
  spec 2 ResourceQuotaSpec
  status 3 ResourceQuotaStatus
core.v1.ResourceQuotaSpec
  hard 1 {}Quantity
  scopes 2 []string atomic
  scopeSelector 3 ScopeSelector
core.v1.ResourceQuotaStatus
  hard 1 {}Quantity
  used 2 {}Quantity
core.v1.ResourceRequirements
  limits 1 {}Quantity
  requests 2 {}Quantity
  claims 3 []ResourceClaim map=name
core.v1.ResourceStatus
  name! 1 string
  resources 2 []ResourceHealth map=resourceID
core.v1.SELinuxOptions
  user 1 string
  role 2 string
  type 3 string
  level 4 string
core.v1.ScaleIOPersistentVolumeSource
  gateway! 1 string
  system! 2 string
  secretRef! 3 SecretReference
  sslEnabled 4 bool
  protectionDomain 5 string
  storagePool 6 string
  storageMode 7 string
  volumeName 8 string
  fsType 9 string
  readOnly 10 bool
core.v1.ScaleIOVolumeSource
  gateway! 1 string
  system! 2 string
  secretRef! 3 LocalObjectReference
  sslEnabled 4 bool
  protectionDomain 5 string
  storagePool 6 string
  storageMode 7 string
  volumeName 8 string
  fsType 9 string
  readOnly 10 bool
core.v1.ScopeSelector atomic
  matchExpressions 1 []ScopedResourceSelectorRequirement atomic
core.v1.ScopedResourceSelectorRequirement
  scopeName! 1 string
  operator! 2 string
  values 3 []string atomic
core.v1.SeccompProfile
  type! 1 string
  localhostProfile* 2 string
core.v1.Secret
  metadata 1 meta.v1.ObjectMeta
  immutable* 5 bool
  data 2 {}bytes
  stringData 4 {}string
  type 3 string
core.v1.SecretEnvSource
  localObjectReference~ 1 LocalObjectReference
  optional* 2 bool
core.v1.SecretKeySelector atomic
  localObjectReference~ 1 LocalObjectReference
  key! 2 string
  optional* 3 bool
core.v1.SecretProjection
  localObjectReference~ 1 LocalObjectReference
  items 2 []KeyToPath atomic
  optional* 4 bool
core.v1.SecretReference atomic
  name 1 string
  namespace 2 string
core.v1.SecretVolumeSource
  secretName 1 string
  items 2 []KeyToPath atomic
  defaultMode* 3 int32
  optional* 4 bool
core.v1.SecurityContext
  capabilities 1 Capabilities
  privileged* 2 bool
  seLinuxOptions 3 SELinuxOptions
  windowsOptions 10 WindowsSecurityContextOptions
  runAsUser* 4 int64
  runAsGroup* 8 int64
  runAsNonRoot* 5 bool
  readOnlyRootFilesystem* 6 bool
  allowPrivilegeEscalation* 7 bool
  procMount* 9 string
  seccompProfile 11 SeccompProfile
  appArmorProfile 12 AppArmorProfile
core.v1.Service
  metadata 1 meta.v1.ObjectMeta
  spec 2 ServiceSpec
  status 3 ServiceStatus
core.v1.ServiceAccount
  metadata 1 meta.v1.ObjectMeta
  secrets 2 []ObjectReference map=name merge=name
  imagePullSecrets 3 []LocalObjectReference atomic
  automountServiceAccountToken* 4 bool
core.v1.ServiceAccountTokenProjection
  audience 1 string
  expirationSeconds* 2 int64
  path! 3 string
core.v1.ServicePort
  name 1 string
  protocol 2 string
  appProtocol* 6 string
  port! 3 int32
  targetPort 4 IntOrString
  nodePort 5 int32
core.v1.ServiceSpec
  ports 1 []ServicePort map=port,protocol merge=port
  selector 2 {}string atomic
  clusterIP 3 string
  clusterIPs 18 []string atomic
  type 4 string
  externalIPs 5 []string atomic
  sessionAffinity 7 string
  loadBalancerIP 8 string
  loadBalancerSourceRanges 9 []string atomic
  externalName 10 string
  externalTrafficPolicy 11 string
  healthCheckNodePort 12 int32
  publishNotReadyAddresses 13 bool
  sessionAffinityConfig 14 SessionAffinityConfig
  ipFamilies 19 []string atomic
  ipFamilyPolicy* 17 string
  allocateLoadBalancerNodePorts* 20 bool
  loadBalancerClass* 21 string
  internalTrafficPolicy* 22 string
  trafficDistribution* 23 string
core.v1.ServiceStatus
  loadBalancer 1 LoadBalancerStatus
  conditions 2 []meta.v1.Condition map=type merge=type
core.v1.SessionAffinityConfig
  clientIP 1 ClientIPConfig
core.v1.SleepAction
  seconds! 1 int64
core.v1.StorageOSPersistentVolumeSource
  volumeName 1 string
  volumeNamespace 2 string
  fsType 3 string
  readOnly 4 bool
  secretRef 5 ObjectReference
core.v1.StorageOSVolumeSource
  volumeName 1 string
  volumeNamespace 2 string
  fsType 3 string
  readOnly 4 bool
  secretRef 5 LocalObjectReference
core.v1.Sysctl
  name! 1 string
  value! 2 string
core.v1.TCPSocketAction
  port! 1 IntOrString
  host 2 string
core.v1.Taint
  key! 1 string
  value 2 string
  effect! 3 string
  timeAdded* 4 Time
core.v1.Toleration
  key 1 string
  operator 2 string
  value 3 string
  effect 4 string
  tolerationSeconds* 5 int64
core.v1.TopologySelectorLabelRequirement
  key! 1 string
  values! 2 []string atomic
core.v1.TopologySelectorTerm atomic
  matchLabelExpressions 1 []TopologySelectorLabelRequirement atomic
core.v1.TopologySpreadConstraint
  maxSkew! 1 int32
  topologyKey! 2 string
  whenUnsatisfiable! 3 string
  labelSelector 4 meta.v1.LabelSelector
  minDomains* 5 int32
  nodeAffinityPolicy* 6 string
  nodeTaintsPolicy* 7 string
  matchLabelKeys 8 []string atomic
core.v1.TypedLocalObjectReference atomic
  apiGroup* 1 string
  kind! 2 string
  name! 3 string
core.v1.TypedObjectReference
  apiGroup* 1 string
  kind! 2 string
  name! 3 string
  namespace* 4 string
core.v1.Volume
  name! 1 string
  volumeSource~ 2 VolumeSource
core.v1.VolumeDevice
  name! 1 string
  devicePath! 2 string
core.v1.VolumeMount
  name! 1 string
  readOnly 2 bool
  recursiveReadOnly* 7 string
  mountPath! 3 string
  subPath 4 string
  mountPropagation* 5 string
  subPathExpr 6 string
core.v1.VolumeMountStatus
  name! 1 string
  mountPath! 2 string
  readOnly 3 bool
  recursiveReadOnly* 4 string
core.v1.VolumeNodeAffinity
  required 1 NodeSelector
core.v1.VolumeProjection
  secret 1 SecretProjection
  downwardAPI 2 DownwardAPIProjection
  configMap 3 ConfigMapProjection
  serviceAccountToken 4 ServiceAccountTokenProjection
  clusterTrustBundle 5 ClusterTrustBundleProjection
core.v1.VolumeResourceRequirements
  limits 1 {}Quantity
  requests 2 {}Quantity
core.v1.VolumeSource
  hostPath 1 HostPathVolumeSource
  emptyDir 2 EmptyDirVolumeSource
  gcePersistentDisk 3 GCEPersistentDiskVolumeSource
  awsElasticBlockStore 4 AWSElasticBlockStoreVolumeSource
  gitRepo 5 GitRepoVolumeSource
  secret 6 SecretVolumeSource
  nfs 7 NFSVolumeSource
  iscsi 8 ISCSIVolumeSource
  glusterfs 9 GlusterfsVolumeSource
  persistentVolumeClaim 10 PersistentVolumeClaimVolumeSource
  rbd 11 RBDVolumeSource
  flexVolume 12 FlexVolumeSource
  cinder 13 CinderVolumeSource
  cephfs 14 CephFSVolumeSource
  flocker 15 FlockerVolumeSource
  downwardAPI 16 DownwardAPIVolumeSource
  fc 17 FCVolumeSource
  azureFile 18 AzureFileVolumeSource
  configMap 19 ConfigMapVolumeSource
  vsphereVolume 20 VsphereVirtualDiskVolumeSource
  quobyte 21 QuobyteVolumeSource
  azureDisk 22 AzureDiskVolumeSource
  photonPersistentDisk 23 PhotonPersistentDiskVolumeSource
  projected 26 ProjectedVolumeSource
  portworxVolume 24 PortworxVolumeSource
  scaleIO 25 ScaleIOVolumeSource
  storageos 27 StorageOSVolumeSource
  csi 28 CSIVolumeSource
  ephemeral 29 EphemeralVolumeSource
  image 30 ImageVolumeSource
core.v1.VsphereVirtualDiskVolumeSource
  volumePath! 1 string
  fsType 2 string
  storagePolicyName 3 string
  storagePolicyID 4 string
core.v1.WeightedPodAffinityTerm
  weight! 1 int32
  podAffinityTerm! 2 PodAffinityTerm
core.v1.WindowsSecurityContextOptions
  gmsaCredentialSpecName* 1 string
  gmsaCredentialSpec* 2 string
  runAsUserName* 3 string
  hostProcess* 4 bool
`;
