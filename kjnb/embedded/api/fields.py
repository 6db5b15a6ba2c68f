"""The fields of every served kind, in the notation of `schema.py`: one type a line; a new field is one word here."""

from __future__ import annotations

from kjnb.embedded.api.fields_of_pods import INNER

_OBJECT = "apiVersion:str kind:str metadata:ObjectMeta"

FIELDS: dict[str, str] = {
    **INNER,
    "ObjectMeta": "name:str generateName:str namespace:str selfLink:str uid:str resourceVersion:str generation:long-"
    " creationTimestamp:time deletionTimestamp:time deletionGracePeriodSeconds:long labels:map annotations:map"
    " ownerReferences:[OwnerReference]@uid finalizers:[str]@ managedFields:[any]",
    "OwnerReference": "apiVersion:str! kind:str! name:str! uid:str! controller:bool! blockOwnerDeletion:bool!",
    "Namespace": f"{_OBJECT} spec:NamespaceSpec status:NamespaceStatus",
    "NamespaceSpec": "finalizers:[str]",
    "NamespaceStatus": "phase:str conditions:[any]@type",
    "ConfigMap": f"{_OBJECT} immutable:bool! data:map binaryData:bytes",
    "Secret": f"{_OBJECT} immutable:bool! data:bytes stringData:map type:str",
    "Node": f"{_OBJECT} spec:NodeSpec status:NodeStatus",
    "NodeSpec": "podCIDR:str podCIDRs:[str]@ providerID:str unschedulable:bool taints:[Taint]",
    "Event": f"{_OBJECT} involvedObject:ObjectReference reason:str message:str source:EventSource"
    " firstTimestamp:time lastTimestamp:time count:int- type:str eventTime:micro series:EventSeries action:str"
    " related:ObjectReference reportingComponent:str! reportingInstance:str!",
    "NewerEvent": f"{_OBJECT} eventTime:micro series:EventSeries reportingController:str! reportingInstance:str!"
    " action:str"
    " reason:str regarding:ObjectReference related:ObjectReference note:str type:str deprecatedSource:EventSource"
    " deprecatedFirstTimestamp:time deprecatedLastTimestamp:time deprecatedCount:int-",
    "EventSeries": "count:int- lastObservedTime:micro state:str",
    "ServiceAccount": f"{_OBJECT} secrets:[ObjectReference]@name imagePullSecrets:[LocalReference]@name"
    " automountServiceAccountToken:bool!",
    "Service": f"{_OBJECT} spec:any status:any",
    "EventSource": "component:str host:str",
    "ObjectReference": "kind:str namespace:str name:str uid:str apiVersion:str resourceVersion:str fieldPath:str",
    "Job": f"{_OBJECT} spec:JobSpec status:JobStatus",
    "JobSpec": "parallelism:int completions:int activeDeadlineSeconds:long podFailurePolicy:PodFailurePolicy"
    " successPolicy:SuccessPolicy backoffLimit:int backoffLimitPerIndex:int maxFailedIndexes:int"
    " selector:LabelSelector manualSelector:bool! template:PodTemplateSpec ttlSecondsAfterFinished:int"
    " completionMode:str! suspend:bool! podReplacementPolicy:str! managedBy:str!",
    "PodFailurePolicy": "rules:[PodFailurePolicyRule]!",
    "PodFailurePolicyRule": "action:str! onExitCodes:OnExitCodes onPodConditions:[OnPodConditions]",
    "OnExitCodes": "containerName:str! operator:str! values:[int]!",
    "OnPodConditions": "type:str! status:str",
    "SuccessPolicy": "rules:[SuccessPolicyRule]!",
    "SuccessPolicyRule": "succeededIndexes:str! succeededCount:int",
    "JobStatus": "conditions:[JobCondition]@type startTime:time completionTime:time active:int- succeeded:int-"
    " failed:int-"
    " terminating:int completedIndexes:str failedIndexes:str! ready:int"
    " uncountedTerminatedPods:UncountedTerminatedPods",
    "JobCondition": "type:str+ status:str+ lastProbeTime:time lastTransitionTime:time reason:str message:str",
    "UncountedTerminatedPods": "succeeded:[str] failed:[str]",
    "LabelSelector": "matchLabels:map matchExpressions:[LabelRequirement]",
    "LabelRequirement": "key:str! operator:str! values:[str]",
    "PodTemplateSpec": "metadata:ObjectMeta spec:PodSpec",
    "Pod": f"{_OBJECT} spec:PodSpec status:PodStatus",
    "PodSpec": "volumes:[Volume]@name initContainers:[Container]@name containers:[Container]!@name"
    " ephemeralContainers:[any] restartPolicy:str terminationGracePeriodSeconds:long activeDeadlineSeconds:long"
    " dnsPolicy:str nodeSelector:map serviceAccountName:str serviceAccount:str automountServiceAccountToken:bool!"
    " nodeName:str hostNetwork:bool hostPID:bool hostIPC:bool shareProcessNamespace:bool! hostUsers:bool!"
    " securityContext:PodSecurityContext imagePullSecrets:[LocalReference]@name hostname:str subdomain:str"
    " affinity:Affinity schedulerName:str tolerations:[Toleration] hostAliases:[HostAlias]@ip priorityClassName:str"
    " priority:int"
    " dnsConfig:DNSConfig readinessGates:[ReadinessGate] runtimeClassName:str! enableServiceLinks:bool!"
    " preemptionPolicy:str!"
    " overhead:qtys topologySpreadConstraints:[TopologySpread]@topologyKey setHostnameAsFQDN:bool! os:PodOS"
    " schedulingGates:[SchedulingGate]@name resourceClaims:[PodClaim]@name resources:ResourceRequirements"
    " hostnameOverride:str!",
    "SchedulingGate": "name:str!",
    "LocalReference": "name:str",
    "Toleration": "key:str operator:str value:str effect:str tolerationSeconds:long",
    "PodSecurityContext": "seLinuxOptions:SELinuxOptions windowsOptions:WindowsOptions runAsUser:long"
    " runAsGroup:long runAsNonRoot:bool!"
    " supplementalGroups:[long] supplementalGroupsPolicy:str! fsGroup:long sysctls:[NamedValue]"
    " fsGroupChangePolicy:str!"
    " seccompProfile:SeccompProfile appArmorProfile:SeccompProfile seLinuxChangePolicy:str!",
    "SeccompProfile": "type:str! localhostProfile:str!",
    "Container": "name:str! image:str command:[str] args:[str] workingDir:str ports:[ContainerPort]@containerPort"
    " envFrom:[EnvFromSource] env:[EnvVar]@name resources:ResourceRequirements resizePolicy:[ResizePolicy]"
    " restartPolicy:str!"
    " restartPolicyRules:[RestartRule] volumeMounts:[VolumeMount]@mountPath volumeDevices:[VolumeDevice]@devicePath"
    " livenessProbe:Probe"
    " readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:str"
    " terminationMessagePolicy:str"
    " imagePullPolicy:str securityContext:SecurityContext stdin:bool stdinOnce:bool tty:bool",
    "ContainerPort": "name:str hostPort:int- containerPort:int protocol:str hostIP:str",
    "EnvFromSource": "prefix:str configMapRef:OptionalReference secretRef:OptionalReference",
    "OptionalReference": "name:str optional:bool!",
    "EnvVar": "name:str! value:str valueFrom:EnvVarSource",
    "EnvVarSource": "fieldRef:FieldReference resourceFieldRef:ResourceReference configMapKeyRef:KeyReference"
    " secretKeyRef:KeyReference fileKeyRef:FileKeyReference",
    "FieldReference": "apiVersion:str fieldPath:str!",
    "ResourceReference": "containerName:str resource:str! divisor:qty",
    "KeyReference": "name:str key:str! optional:bool!",
    "ResourceRequirements": "limits:qtys requests:qtys claims:[ContainerClaim]",
    "VolumeMount": "name:str! readOnly:bool recursiveReadOnly:str! mountPath:str! subPath:str mountPropagation:str!"
    " subPathExpr:str",
    "SecurityContext": "capabilities:Capabilities privileged:bool! seLinuxOptions:SELinuxOptions"
    " windowsOptions:WindowsOptions runAsUser:long"
    " runAsGroup:long runAsNonRoot:bool! readOnlyRootFilesystem:bool! allowPrivilegeEscalation:bool! procMount:str!"
    " seccompProfile:SeccompProfile appArmorProfile:SeccompProfile",
    "Capabilities": "add:[str] drop:[str]",
    "Probe": "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction"
    " initialDelaySeconds:int- timeoutSeconds:int- periodSeconds:int-"
    " successThreshold:int- failureThreshold:int- terminationGracePeriodSeconds:long",
    "Volume": "name:str! hostPath:HostPath emptyDir:EmptyDir secret:SecretVolume configMap:ConfigMapVolume"
    " persistentVolumeClaim:ClaimVolume downwardAPI:DownwardVolume projected:ProjectedVolume nfs:NFSVolume"
    " csi:CSIVolume ephemeral:EphemeralVolume iscsi:any fc:any rbd:any cephfs:any glusterfs:any gitRepo:any"
    " azureDisk:any azureFile:any awsElasticBlockStore:any gcePersistentDisk:any vsphereVolume:any image:any",
    "HostPath": "path:str! type:str!",
    "EmptyDir": "medium:str sizeLimit:qty",
    "SecretVolume": "secretName:str items:[KeyToPath] defaultMode:int optional:bool!",
    "ConfigMapVolume": "name:str items:[KeyToPath] defaultMode:int optional:bool!",
    "KeyToPath": "key:str! path:str! mode:int",
    "ClaimVolume": "claimName:str! readOnly:bool",
    "DownwardVolume": "items:[DownwardFile] defaultMode:int",
    "DownwardFile": "path:str! fieldRef:FieldReference resourceFieldRef:ResourceReference mode:int",
    "ProjectedVolume": "sources:[ProjectedSource]! defaultMode:int",
    "SelfSubjectAccessReview": f"{_OBJECT} spec:AccessReviewSpec status:any",
    "AccessReviewSpec": "resourceAttributes:ResourceAttributes nonResourceAttributes:PathAttributes",
    "ResourceAttributes": "namespace:str verb:str group:str version:str resource:str subresource:str name:str"
    " fieldSelector:any labelSelector:any",
    "PathAttributes": "path:str verb:str",
    "SelfSubjectRulesReview": f"{_OBJECT} spec:RulesReviewSpec status:any",
    "RulesReviewSpec": "namespace:str",
    "SelfSubjectReview": f"{_OBJECT} status:any",
    "Eviction": f"{_OBJECT} deleteOptions:DeleteOptions",
    "Binding": f"{_OBJECT} target:ObjectReference",
    "DeleteOptions": "apiVersion:str kind:str gracePeriodSeconds:long preconditions:Preconditions"
    " orphanDependents:bool! propagationPolicy:str! dryRun:[str]"
    " ignoreStoreReadErrorWithClusterBreakingPotential:bool!",
    "Preconditions": "uid:str! resourceVersion:str!",
}
