"""Structs that lie deeper in pods and nodes: where a pod may run, its probes, volumes, and what is observed of it."""

from __future__ import annotations

_REQUIRED, _PREFERRED = (f"{word}DuringSchedulingIgnoredDuringExecution" for word in ("required", "preferred"))

SCHEDULING: dict[str, str] = {
    "Affinity": "nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity",
    "NodeAffinity": f"{_REQUIRED}:NodeSelector {_PREFERRED}:[PreferredNodes]",
    "NodeSelector": "nodeSelectorTerms:[NodeSelectorTerm]!",
    "NodeSelectorTerm": "matchExpressions:[LabelRequirement] matchFields:[LabelRequirement]",
    "PreferredNodes": "weight:int preference:NodeSelectorTerm",
    "PodAffinity": f"{_REQUIRED}:[PodAffinityTerm] {_PREFERRED}:[PreferredPods]",
    "PodAffinityTerm": "labelSelector:LabelSelector namespaces:[str] topologyKey:str! namespaceSelector:LabelSelector"
    " matchLabelKeys:[str] mismatchLabelKeys:[str]",
    "PreferredPods": "weight:int podAffinityTerm:PodAffinityTerm",
    "TopologySpread": "maxSkew:int topologyKey:str! whenUnsatisfiable:str! labelSelector:LabelSelector minDomains:int"
    " nodeAffinityPolicy:str! nodeTaintsPolicy:str! matchLabelKeys:[str]",
    "Taint": "key:str+ value:str effect:str+ timeAdded:time",
    "ReadinessGate": "conditionType:str!",
    "PodClaim": "name:str! resourceClaimName:str! resourceClaimTemplateName:str!",
    "ContainerClaim": "name:str! request:str",
}
CONTAINERS: dict[str, str] = {
    "ExecAction": "command:[str]",
    "HTTPGetAction": "path:str port:intstr host:str scheme:str httpHeaders:[NamedValue]",
    "TCPSocketAction": "port:intstr host:str",
    "GRPCAction": "port:int service:str!",
    "SleepAction": "seconds:long",
    "NamedValue": "name:str! value:str!",
    "Lifecycle": "postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:str!",
    "LifecycleHandler": "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction",
    "ResizePolicy": "resourceName:str! restartPolicy:str!",
    "RestartRule": "action:str! exitCodes:RestartExitCodes",
    "RestartExitCodes": "operator:str! values:[int]",
    "VolumeDevice": "name:str! devicePath:str!",
    "SELinuxOptions": "user:str role:str type:str level:str",
    "WindowsOptions": "gmsaCredentialSpecName:str! gmsaCredentialSpec:str! runAsUserName:str! hostProcess:bool!",
    "HostAlias": "ip:str! hostnames:[str]",
    "DNSConfig": "nameservers:[str] searches:[str] options:[DNSOption]",
    "DNSOption": "name:str value:str!",
    "PodOS": "name:str!",
}
VOLUMES: dict[str, str] = {
    "FileKeyReference": "volumeName:str! path:str! key:str! optional:bool!",
    "ProjectedSource": "secret:ProjectedObject configMap:ProjectedObject downwardAPI:ProjectedDownward"
    " serviceAccountToken:TokenProjection clusterTrustBundle:TrustProjection podCertificate:CertificateProjection",
    "ProjectedObject": "name:str items:[KeyToPath] optional:bool!",
    "ProjectedDownward": "items:[DownwardFile]",
    "TokenProjection": "audience:str expirationSeconds:long path:str!",
    "NFSVolume": "server:str! path:str! readOnly:bool",
    "CSIVolume": "driver:str! readOnly:bool! fsType:str! volumeAttributes:map nodePublishSecretRef:LocalReference",
    "EphemeralVolume": "volumeClaimTemplate:any",
    "TrustProjection": "name:str! signerName:str! labelSelector:LabelSelector optional:bool! path:str!",
    "CertificateProjection": "signerName:str keyType:str maxExpirationSeconds:int credentialBundlePath:str keyPath:str"
    " certificateChainPath:str userAnnotations:map",
}
STATUSES: dict[str, str] = {
    "PodStatus": "observedGeneration:long phase:str conditions:[PodCondition]@type message:str reason:str"
    " nominatedNodeName:str hostIP:str hostIPs:[IP] podIP:str podIPs:[IP]@ip startTime:time"
    " initContainerStatuses:[ContainerStatus] containerStatuses:[ContainerStatus] qosClass:str"
    " ephemeralContainerStatuses:[ContainerStatus] resize:str resourceClaimStatuses:[any]@name"
    " extendedResourceClaimStatus:any allocatedResources:qtys resources:ResourceRequirements",
    "IP": "ip:str!",
    "PodCondition": "type:str+ observedGeneration:long status:str+ lastProbeTime:time lastTransitionTime:time"
    " reason:str message:str",
    "ContainerStatus": "name:str+ state:ContainerState lastState:ContainerState ready:bool+ restartCount:int+"
    " image:str+ imageID:str+ containerID:str started:bool! allocatedResources:qtys resources:ResourceRequirements"
    " volumeMounts:[MountStatus]@mountPath user:any allocatedResourcesStatus:[any]@name stopSignal:str!",
    "ContainerState": "waiting:Waiting running:Running terminated:Terminated",
    "Waiting": "reason:str message:str",
    "Running": "startedAt:time",
    "Terminated": "exitCode:int+ signal:int- reason:str message:str startedAt:time finishedAt:time containerID:str",
    "MountStatus": "name:str! mountPath:str! readOnly:bool recursiveReadOnly:str! volumeStatus:any",
    "NodeStatus": "capacity:qtys allocatable:qtys phase:str conditions:[NodeCondition]@type"
    " addresses:[NodeAddress]@type daemonEndpoints:any nodeInfo:any images:[any] volumesInUse:[str]"
    " volumesAttached:[any] config:any runtimeHandlers:[any] features:any declaredFeatures:[str]",
    "NodeCondition": "type:str+ status:str+ lastHeartbeatTime:time lastTransitionTime:time reason:str message:str",
    "NodeAddress": "type:str+ address:str+",
}
INNER: dict[str, str] = {**SCHEDULING, **CONTAINERS, **VOLUMES, **STATUSES}
