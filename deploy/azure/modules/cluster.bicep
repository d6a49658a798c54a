// The Kubernetes cluster. What matters to the product: machines in three zones that never sleep, calls that keep their
// client's address and their bytes (a load balancer that passes connections on), network policies, secrets mounted as files.
@description('Region.')
param location string
@description('Name.')
param name string
@description('Size of the machines for gateways and silos.')
param nodeSize string
@description('Fewest and most of them.')
param nodeCount { min: int, max: int }
@description('Networks from which the API server is reached.')
param operatorNetworks string[]
@description('Object id of the group that administers the cluster.')
param administratorsGroup string
@description('The network.')
param networkName string
@description('Subnet of the machines.')
param nodesSubnet string
@description('The registry with the images.')
param registryName string
@description('Log Analytics workspace.')
param logs string
@description('Azure Monitor workspace.')
param metrics string
@description('Tags.')
param tags object

var zones = ['1', '2', '3']

resource cluster 'Microsoft.ContainerService/managedClusters@2025-02-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Base', tier: 'Standard' }
  identity: { type: 'SystemAssigned' }
  properties: {
    dnsPrefix: name
    disableLocalAccounts: true
    aadProfile: { managed: true, enableAzureRBAC: true, adminGroupObjectIDs: [administratorsGroup] }
    apiServerAccessProfile: empty(operatorNetworks) ? null : { authorizedIPRanges: operatorNetworks }
    oidcIssuerProfile: { enabled: true }
    securityProfile: { workloadIdentity: { enabled: true }, imageCleaner: { enabled: true, intervalHours: 168 } }
    autoUpgradeProfile: { upgradeChannel: 'patch', nodeOSUpgradeChannel: 'NodeImage' }
    networkProfile: {
      networkPlugin: 'azure'
      networkPluginMode: 'overlay'
      networkDataplane: 'cilium'
      networkPolicy: 'cilium'
      podCidr: '172.20.0.0/16'
      serviceCidr: '172.21.0.0/16'
      dnsServiceIP: '172.21.0.10'
      outboundType: 'userAssignedNATGateway'
      loadBalancerSku: 'standard'
    }
    agentPoolProfiles: [
      {
        name: 'system'
        mode: 'System'
        count: 3
        vmSize: 'Standard_D2ds_v5'
        availabilityZones: zones
        osSKU: 'AzureLinux'
        vnetSubnetID: nodesSubnet
        nodeTaints: ['CriticalAddonsOnly=true:NoSchedule']
        upgradeSettings: { maxSurge: '33%' }
      }
      {
        name: 'jitgrains'
        mode: 'User'
        count: nodeCount.min
        enableAutoScaling: true
        minCount: nodeCount.min
        maxCount: nodeCount.max
        vmSize: nodeSize
        availabilityZones: zones
        osSKU: 'AzureLinux'
        vnetSubnetID: nodesSubnet
        nodeLabels: { workload: 'jitgrains' }
        // A machine is emptied for as long as held callers and running calls may take.
        upgradeSettings: { maxSurge: '33%', drainTimeoutInMinutes: 30 }
      }
    ]
    addonProfiles: {
      azureKeyvaultSecretsProvider: { enabled: true, config: { enableSecretRotation: 'true', rotationPollInterval: '2m' } }
      omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: logs, useAADAuth: 'true' } }
    }
    azureMonitorProfile: { metrics: { enabled: true } }
  }
}

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' existing = { name: registryName }

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' existing = { name: networkName }

resource callersAddress 'Microsoft.Network/publicIPAddresses@2024-05-01' existing = { name: '${name}-callers' }

// AcrPull, for the machines.
resource pulls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: registry
  name: guid(registry.id, cluster.id, 'pull')
  properties: {
    principalId: cluster.properties.identityProfile.kubeletidentity.objectId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '7f951dda-4ed3-4680-a7ca-43fe172d538d')
  }
}

// Network Contributor, for the cluster's own part: load balancers in this network, with the address that is there.
resource balances 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: network
  name: guid(network.id, cluster.id, 'network')
  properties: {
    principalId: cluster.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4d97b98b-1d4f-4787-a291-c67834d212e7')
  }
}

resource uses 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: callersAddress
  name: guid(callersAddress.id, cluster.id, 'network')
  properties: {
    principalId: cluster.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4d97b98b-1d4f-4787-a291-c67834d212e7')
  }
}

module collecting 'collecting.bicep' = {
  params: { location: location, clusterName: cluster.name, logs: logs, metrics: metrics, tags: tags }
}

output issuer string = cluster.properties.oidcIssuerProfile.issuerURL
