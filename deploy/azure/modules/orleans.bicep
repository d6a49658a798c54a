// Storage for the Orleans engine: membership and reminders in tables, grains in blobs (docs/orleans.md). No keys: silos and
// gateways come with their identities.
@description('Region.')
param location string
@description('Name, 24 small letters and digits at most.')
param name string
@description('Object ids of the identities that use it.')
param users string[]
@description('Subnet of the cluster\'s machines; nobody else gets there.')
param nodesSubnet string
@description('Tags.')
param tags object

resource storage 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: { defaultAction: 'Deny', bypass: 'None', virtualNetworkRules: [{ id: nodesSubnet }] }
  }
}

// Storage Table Data Contributor, Storage Blob Data Contributor.
var rights = ['0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe']

resource using 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for i in range(0, length(users) * length(rights)): {
    scope: storage
    name: guid(storage.id, users[i / length(rights)], rights[i % length(rights)])
    properties: {
      principalId: users[i / length(rights)]
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', rights[i % length(rights)])
    }
  }
]

output tables string = storage.properties.primaryEndpoints.table
output blobs string = storage.properties.primaryEndpoints.blob
