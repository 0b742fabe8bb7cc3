// What runs pods: k8s.io/api apps, batch, autoscaling and policy. See ../definitions.ts for how a line reads.

export const WORKLOADS = `
apps.v1.ControllerRevision
  metadata 1 meta.v1.ObjectMeta
  data 2 RawExtension
  revision! 3 int64
apps.v1.DaemonSet
  metadata 1 meta.v1.ObjectMeta
  spec 2 DaemonSetSpec
  status 3 DaemonSetStatus
apps.v1.DaemonSetCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
apps.v1.DaemonSetSpec
  selector! 1 meta.v1.LabelSelector
  template! 2 core.v1.PodTemplateSpec
  updateStrategy 3 DaemonSetUpdateStrategy
  minReadySeconds 4 int32
  revisionHistoryLimit* 6 int32
apps.v1.DaemonSetStatus
  currentNumberScheduled! 1 int32
  numberMisscheduled! 2 int32
  desiredNumberScheduled! 3 int32
  numberReady! 4 int32
  observedGeneration 5 int64
  updatedNumberScheduled 6 int32
  numberAvailable 7 int32
  numberUnavailable 8 int32
  collisionCount* 9 int32
  conditions 10 []DaemonSetCondition map=type merge=type
apps.v1.DaemonSetUpdateStrategy
  type 1 string
  rollingUpdate 2 RollingUpdateDaemonSet
apps.v1.Deployment
  metadata 1 meta.v1.ObjectMeta
  spec 2 DeploymentSpec
  status 3 DeploymentStatus
apps.v1.DeploymentCondition
  type! 1 string
  status! 2 string
  lastUpdateTime 6 Time
  lastTransitionTime 7 Time
  reason 4 string
  message 5 string
apps.v1.DeploymentSpec
  replicas* 1 int32
  selector! 2 meta.v1.LabelSelector
  template! 3 core.v1.PodTemplateSpec
  strategy 4 DeploymentStrategy retainKeys
  minReadySeconds 5 int32
  revisionHistoryLimit* 6 int32
  paused 7 bool
  progressDeadlineSeconds* 9 int32
apps.v1.DeploymentStatus
  observedGeneration 1 int64
  replicas 2 int32
  updatedReplicas 3 int32
  readyReplicas 7 int32
  availableReplicas 4 int32
  unavailableReplicas 5 int32
  conditions 6 []DeploymentCondition map=type merge=type
  collisionCount* 8 int32
apps.v1.DeploymentStrategy
  type 1 string
  rollingUpdate 2 RollingUpdateDeployment
apps.v1.ReplicaSet
  metadata 1 meta.v1.ObjectMeta
  spec 2 ReplicaSetSpec
  status 3 ReplicaSetStatus
apps.v1.ReplicaSetCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
apps.v1.ReplicaSetSpec
  replicas* 1 int32
  minReadySeconds 4 int32
  selector! 2 meta.v1.LabelSelector
  template 3 core.v1.PodTemplateSpec
apps.v1.ReplicaSetStatus
  replicas! 1 int32
  fullyLabeledReplicas 2 int32
  readyReplicas 4 int32
  availableReplicas 5 int32
  observedGeneration 3 int64
  conditions 6 []ReplicaSetCondition map=type merge=type
apps.v1.RollingUpdateDaemonSet
  maxUnavailable* 1 IntOrString
  maxSurge* 2 IntOrString
apps.v1.RollingUpdateDeployment
  maxUnavailable* 1 IntOrString
  maxSurge* 2 IntOrString
apps.v1.RollingUpdateStatefulSetStrategy
  partition* 1 int32
  maxUnavailable* 2 IntOrString
apps.v1.StatefulSet
  metadata 1 meta.v1.ObjectMeta
  spec 2 StatefulSetSpec
  status 3 StatefulSetStatus
apps.v1.StatefulSetCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
apps.v1.StatefulSetOrdinals
  start 1 int32
apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy
  whenDeleted 1 string
  whenScaled 2 string
apps.v1.StatefulSetSpec
  replicas* 1 int32
  selector! 2 meta.v1.LabelSelector
  template! 3 core.v1.PodTemplateSpec
  volumeClaimTemplates 4 []core.v1.PersistentVolumeClaim atomic
  serviceName! 5 string
  podManagementPolicy 6 string
  updateStrategy 7 StatefulSetUpdateStrategy
  revisionHistoryLimit* 8 int32
  minReadySeconds 9 int32
  persistentVolumeClaimRetentionPolicy 10 StatefulSetPersistentVolumeClaimRetentionPolicy
  ordinals 11 StatefulSetOrdinals
apps.v1.StatefulSetStatus
  observedGeneration 1 int64
  replicas! 2 int32
  readyReplicas 3 int32
  currentReplicas 4 int32
  updatedReplicas 5 int32
  currentRevision 6 string
  updateRevision 7 string
  collisionCount* 9 int32
  conditions 10 []StatefulSetCondition map=type merge=type
  availableReplicas 11 int32
apps.v1.StatefulSetUpdateStrategy
  type 1 string
  rollingUpdate 2 RollingUpdateStatefulSetStrategy
batch.v1.CronJob
  metadata 1 meta.v1.ObjectMeta
  spec 2 CronJobSpec
  status 3 CronJobStatus
batch.v1.CronJobSpec
  schedule! 1 string
  timeZone* 8 string
  startingDeadlineSeconds* 2 int64
  concurrencyPolicy 3 string
  suspend* 4 bool
  jobTemplate! 5 JobTemplateSpec
  successfulJobsHistoryLimit* 6 int32
  failedJobsHistoryLimit* 7 int32
batch.v1.CronJobStatus
  active 1 []core.v1.ObjectReference atomic
  lastScheduleTime* 4 Time
  lastSuccessfulTime* 5 Time
batch.v1.Job
  metadata 1 meta.v1.ObjectMeta
  spec 2 JobSpec
  status 3 JobStatus
batch.v1.JobCondition
  type! 1 string
  status! 2 string
  lastProbeTime 3 Time
  lastTransitionTime 4 Time
  reason 5 string
  message 6 string
batch.v1.JobSpec
  parallelism* 1 int32
  completions* 2 int32
  activeDeadlineSeconds* 3 int64
  podFailurePolicy 11 PodFailurePolicy
  successPolicy 16 SuccessPolicy
  backoffLimit* 7 int32
  backoffLimitPerIndex* 12 int32
  maxFailedIndexes* 13 int32
  selector 4 meta.v1.LabelSelector
  manualSelector* 5 bool
  template! 6 core.v1.PodTemplateSpec
  ttlSecondsAfterFinished* 8 int32
  completionMode* 9 string
  suspend* 10 bool
  podReplacementPolicy* 14 string
  managedBy* 15 string
batch.v1.JobStatus
  conditions 1 []JobCondition atomic merge=type
  startTime* 2 Time
  completionTime* 3 Time
  active 4 int32
  succeeded 5 int32
  failed 6 int32
  terminating* 11 int32
  completedIndexes 7 string
  failedIndexes* 10 string
  uncountedTerminatedPods 8 UncountedTerminatedPods
  ready* 9 int32
batch.v1.JobTemplateSpec
  metadata 1 meta.v1.ObjectMeta
  spec 2 JobSpec
batch.v1.PodFailurePolicy
  rules! 1 []PodFailurePolicyRule atomic
batch.v1.PodFailurePolicyOnExitCodesRequirement
  containerName* 1 string
  operator! 2 string
  values! 3 []int32 set
batch.v1.PodFailurePolicyOnPodConditionsPattern
  type! 1 string
  status! 2 string
batch.v1.PodFailurePolicyRule
  action! 1 string
  onExitCodes 2 PodFailurePolicyOnExitCodesRequirement
  onPodConditions 3 []PodFailurePolicyOnPodConditionsPattern atomic
batch.v1.SuccessPolicy
  rules! 1 []SuccessPolicyRule atomic
batch.v1.SuccessPolicyRule
  succeededIndexes* 1 string
  succeededCount* 2 int32
batch.v1.UncountedTerminatedPods
  succeeded 1 []string set
  failed 2 []string set
autoscaling.v1.CrossVersionObjectReference atomic
  kind! 1 string
  name! 2 string
  apiVersion 3 string
autoscaling.v1.HorizontalPodAutoscaler
  metadata 1 meta.v1.ObjectMeta
  spec 2 HorizontalPodAutoscalerSpec
  status 3 HorizontalPodAutoscalerStatus
autoscaling.v1.HorizontalPodAutoscalerSpec
  scaleTargetRef! 1 CrossVersionObjectReference
  minReplicas* 2 int32
  maxReplicas! 3 int32
  targetCPUUtilizationPercentage* 4 int32
autoscaling.v1.HorizontalPodAutoscalerStatus
  observedGeneration* 1 int64
  lastScaleTime* 2 Time
  currentReplicas! 3 int32
  desiredReplicas! 4 int32
  currentCPUUtilizationPercentage* 5 int32
autoscaling.v1.Scale
  metadata 1 meta.v1.ObjectMeta
  spec 2 ScaleSpec
  status 3 ScaleStatus
autoscaling.v1.ScaleSpec
  replicas 1 int32
autoscaling.v1.ScaleStatus
  replicas! 1 int32
  selector 2 string
autoscaling.v2.ContainerResourceMetricSource
  name! 1 string
  target! 2 MetricTarget
  container! 3 string
autoscaling.v2.ContainerResourceMetricStatus
  name! 1 string
  current! 2 MetricValueStatus
  container! 3 string
autoscaling.v2.CrossVersionObjectReference
  kind! 1 string
  name! 2 string
  apiVersion 3 string
autoscaling.v2.ExternalMetricSource
  metric! 1 MetricIdentifier
  target! 2 MetricTarget
autoscaling.v2.ExternalMetricStatus
  metric! 1 MetricIdentifier
  current! 2 MetricValueStatus
autoscaling.v2.HPAScalingPolicy
  type! 1 string
  value! 2 int32
  periodSeconds! 3 int32
autoscaling.v2.HPAScalingRules
  stabilizationWindowSeconds* 3 int32
  selectPolicy* 1 string
  policies 2 []HPAScalingPolicy atomic
autoscaling.v2.HorizontalPodAutoscaler
  metadata 1 meta.v1.ObjectMeta
  spec 2 HorizontalPodAutoscalerSpec
  status 3 HorizontalPodAutoscalerStatus
autoscaling.v2.HorizontalPodAutoscalerBehavior
  scaleUp 1 HPAScalingRules
  scaleDown 2 HPAScalingRules
autoscaling.v2.HorizontalPodAutoscalerCondition
  type! 1 string
  status! 2 string
  lastTransitionTime 3 Time
  reason 4 string
  message 5 string
autoscaling.v2.HorizontalPodAutoscalerSpec
  scaleTargetRef! 1 CrossVersionObjectReference
  minReplicas* 2 int32
  maxReplicas! 3 int32
  metrics 4 []MetricSpec atomic
  behavior 5 HorizontalPodAutoscalerBehavior
autoscaling.v2.HorizontalPodAutoscalerStatus
  observedGeneration* 1 int64
  lastScaleTime* 2 Time
  currentReplicas 3 int32
  desiredReplicas! 4 int32
  currentMetrics 5 []MetricStatus atomic
  conditions 6 []HorizontalPodAutoscalerCondition map=type merge=type
autoscaling.v2.MetricIdentifier
  name! 1 string
  selector 2 meta.v1.LabelSelector
autoscaling.v2.MetricSpec
  type! 1 string
  object 2 ObjectMetricSource
  pods 3 PodsMetricSource
  resource 4 ResourceMetricSource
  containerResource 7 ContainerResourceMetricSource
  external 5 ExternalMetricSource
autoscaling.v2.MetricStatus
  type! 1 string
  object 2 ObjectMetricStatus
  pods 3 PodsMetricStatus
  resource 4 ResourceMetricStatus
  containerResource 7 ContainerResourceMetricStatus
  external 5 ExternalMetricStatus
autoscaling.v2.MetricTarget
  type! 1 string
  value* 2 Quantity
  averageValue* 3 Quantity
  averageUtilization* 4 int32
autoscaling.v2.MetricValueStatus
  value* 1 Quantity
  averageValue* 2 Quantity
  averageUtilization* 3 int32
autoscaling.v2.ObjectMetricSource
  describedObject! 1 CrossVersionObjectReference
  target! 2 MetricTarget
  metric! 3 MetricIdentifier
autoscaling.v2.ObjectMetricStatus
  metric! 1 MetricIdentifier
  current! 2 MetricValueStatus
  describedObject! 3 CrossVersionObjectReference
autoscaling.v2.PodsMetricSource
  metric! 1 MetricIdentifier
  target! 2 MetricTarget
autoscaling.v2.PodsMetricStatus
  metric! 1 MetricIdentifier
  current! 2 MetricValueStatus
autoscaling.v2.ResourceMetricSource
  name! 1 string
  target! 2 MetricTarget
autoscaling.v2.ResourceMetricStatus
  name! 1 string
  current! 2 MetricValueStatus
policy.v1.Eviction
  metadata 1 meta.v1.ObjectMeta
  deleteOptions 2 meta.v1.DeleteOptions
policy.v1.PodDisruptionBudget
  metadata 1 meta.v1.ObjectMeta
  spec 2 PodDisruptionBudgetSpec
  status 3 PodDisruptionBudgetStatus
policy.v1.PodDisruptionBudgetSpec
  minAvailable* 1 IntOrString
  selector 2 meta.v1.LabelSelector
  maxUnavailable* 3 IntOrString
  unhealthyPodEvictionPolicy* 4 string
policy.v1.PodDisruptionBudgetStatus
  observedGeneration 1 int64
  disruptedPods 2 {}Time
  disruptionsAllowed! 3 int32
  currentHealthy! 4 int32
  desiredHealthy! 5 int32
  expectedPods! 6 int32
  conditions 7 []meta.v1.Condition map=type merge=type
`;
