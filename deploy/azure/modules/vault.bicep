// A key vault for one role's secrets, reached by a private address; `deploy secrets` fills it.
@description('Region.')
param location string
@description('Name, 24 characters at most.')
param name string
@description('Object id of the identity that reads its secrets.')
param reader string
@description('Object id of the group that fills it.')
param administratorsGroup string
@description('Networks from which it is filled by its public name; none means from inside the network only.')
param operatorNetworks string[]
@description('Subnet of its private address.')
param subnet string
@description('DNS zone of its private address.')
param zone string
@description('Log Analytics workspace that is told who reads what.')
param logs string
@description('Tags.')
param tags object

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    // Lost keys are lost grants and digests (docs/operations.md): nobody deletes them for good in a hurry.
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: empty(operatorNetworks) ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: 'Deny', bypass: 'None', ipRules: [for one in operatorNetworks: { value: one }] }
  }
}

// Key Vault Secrets User. A certificate is read as a secret too: with its key.
resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, reader, 'read')
  properties: {
    principalId: reader
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')
  }
}

// Key Vault Administrator.
resource filling 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, administratorsGroup, 'fill')
  properties: {
    principalId: administratorsGroup
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '00482a5a-887f-4fb3-b363-3b7fe8e74483')
  }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: { id: subnet }
    privateLinkServiceConnections: [{ name: 'vault', properties: { privateLinkServiceId: vault.id, groupIds: ['vault'] } }]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: { privateDnsZoneConfigs: [{ name: 'vault', properties: { privateDnsZoneId: zone } }] }
  }
}

resource telling 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: { workspaceId: logs, logs: [{ categoryGroup: 'audit', enabled: true }] }
}

output name string = vault.name
