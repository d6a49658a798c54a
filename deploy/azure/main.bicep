// JitGrains on Azure: a cluster for the processes, the database that they share, vaults for what they must not share, and
// what watches them. README.md beside this file says how to use it.
targetScope = 'resourceGroup'

@description('Where everything is made; a region with three availability zones.')
param location string = resourceGroup().location

@description('What names begin with: 3 to 10 small letters and digits.')
@minLength(3)
@maxLength(10)
param name string = 'jitgrains'

@description('Object id of the Entra group that administers the Kubernetes cluster and fills the vaults.')
param administratorsGroup string

@description('Where alerts are sent.')
param alertEmail string

@description('The database administrator\'s password. Make a new one for each deployment: it is kept in the owner\'s vault, and only the schema job uses it.')
@secure()
@minLength(32)
param databaseAdministratorPassword string

@description('Major version of PostgreSQL. The product\'s tests run on 15.')
@allowed(['15', '16', '17'])
param postgresVersion string = '15'

@description('Size of the database server. General purpose or memory optimised: burstable ones have no standby.')
param databaseSku string = 'Standard_D4ds_v5'

@description('GiB of the database server. It grows by itself, and never shrinks.')
param databaseStorageGiB int = 128

@description('Days for which the database can be set back to any second.')
@minValue(7)
@maxValue(35)
param databaseBackupDays int = 14

@description('Whether backups are kept in the paired region as well. Cannot be changed later.')
param databaseGeoBackup bool = false

@description('Size of the machines that gateways and silos run on.')
param nodeSize string = 'Standard_D4ds_v5'

@description('Fewest and most of these machines.')
param nodeCount { min: int, max: int } = { min: 3, max: 9 }

@description('Networks from which operators reach the cluster\'s API server and the vaults. None: the API server from anywhere, with Entra ID; the vaults from inside the network only.')
param operatorNetworks string[] = []

@description('The network of all this: /16 or wider, apart from those it is to be joined with.')
param addressPrefix string = '10.20.0.0/16'

@description('Days for which logs are kept.')
param logDays int = 90

@description('Whether to make storage for the Orleans engine, and let silos and gateways use it (docs/orleans.md).')
param orleansStorage bool = false

@description('Tags of everything.')
param tags object = { product: 'jitgrains' }

var suffix = uniqueString(resourceGroup().id)
// What runs in the cluster, each with an identity of its own: it gets at its own vault, and no other's.
var roles = ['gateway', 'silo', 'schema']

module network 'modules/network.bicep' = {
  params: { location: location, name: name, addressPrefix: addressPrefix, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  params: { location: location, name: name, suffix: suffix, logDays: logDays, administratorsGroup: administratorsGroup, tags: tags }
}

module registry 'modules/registry.bicep' = {
  params: { location: location, name: '${name}${suffix}', tags: tags }
}

module cluster 'modules/cluster.bicep' = {
  params: {
    location: location
    name: name
    nodeSize: nodeSize
    nodeCount: nodeCount
    operatorNetworks: operatorNetworks
    administratorsGroup: administratorsGroup
    networkName: network.outputs.name
    nodesSubnet: network.outputs.nodesSubnet
    registryName: registry.outputs.name
    logs: monitoring.outputs.logs
    metrics: monitoring.outputs.metrics
    tags: tags
  }
}

module identities 'modules/identities.bicep' = {
  params: { location: location, name: name, roles: roles, issuer: cluster.outputs.issuer, tags: tags }
}

module vaults 'modules/vault.bicep' = [
  for (role, i) in roles: {
    name: 'vault-${role}'
    params: {
      location: location
      // 24 characters at most.
      name: take('${role}-${suffix}', 24)
      reader: identities.outputs.principals[i]
      administratorsGroup: administratorsGroup
      operatorNetworks: operatorNetworks
      subnet: network.outputs.endpointsSubnet
      zone: network.outputs.vaultZone
      logs: monitoring.outputs.logs
      tags: tags
    }
  }
]

module database 'modules/database.bicep' = {
  params: {
    location: location
    name: '${name}-${suffix}'
    version: postgresVersion
    sku: databaseSku
    storageGiB: databaseStorageGiB
    backupDays: databaseBackupDays
    geoBackup: databaseGeoBackup
    administratorPassword: databaseAdministratorPassword
    vaultName: vaults[2].outputs.name
    subnet: network.outputs.databaseSubnet
    zone: network.outputs.databaseZone
    logs: monitoring.outputs.logs
    tags: tags
  }
}

module orleans 'modules/orleans.bicep' = if (orleansStorage) {
  params: {
    location: location
    name: take('${name}orl${suffix}', 24)
    users: take(identities.outputs.principals, 2)
    nodesSubnet: network.outputs.nodesSubnet
    tags: tags
  }
}

module alerts 'modules/alerts.bicep' = {
  params: {
    location: location
    name: name
    metrics: monitoring.outputs.metrics
    logs: monitoring.outputs.logs
    databaseId: database.outputs.id
    alertEmail: alertEmail
    tags: tags
  }
}

// What the manifests want to know; `deploy infrastructure` writes these to site.env, by these names.
output RESOURCE_GROUP string = resourceGroup().name
output TENANT_ID string = tenant().tenantId
output CLUSTER_ISSUER string = cluster.outputs.issuer
output REGISTRY string = registry.outputs.server
output DATABASE_HOST string = database.outputs.host
output DATABASE_ADMINISTRATOR string = database.outputs.administrator
output GATEWAY_VAULT string = vaults[0].outputs.name
output SILO_VAULT string = vaults[1].outputs.name
output SCHEMA_VAULT string = vaults[2].outputs.name
output GATEWAY_CLIENT_ID string = identities.outputs.clients[0]
output SILO_CLIENT_ID string = identities.outputs.clients[1]
output SCHEMA_CLIENT_ID string = identities.outputs.clients[2]
output CALLERS_ADDRESS_NAME string = network.outputs.callersAddressName
output CALLERS_ADDRESS string = network.outputs.callersAddress
output CONTROL_ADDRESS string = network.outputs.controlAddress
output DATABASE_NETWORK string = network.outputs.databasePrefix
output TRACES_CONNECTION string = monitoring.outputs.tracesConnection
output GRAFANA_NAME string = monitoring.outputs.grafanaName
output ORLEANS_TABLES string = orleans.?outputs.tables ?? ''
output ORLEANS_BLOBS string = orleans.?outputs.blobs ?? ''
