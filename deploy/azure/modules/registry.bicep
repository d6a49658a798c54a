// Images: the product's, and copies of the three others that run beside it, so that a start depends on no other registry.
@description('Region.')
param location string
@description('Name, letters and digits.')
param name string
@description('Tags.')
param tags object

resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'Premium' }
  properties: {
    adminUserEnabled: false
    zoneRedundancy: 'Enabled'
    policies: { retentionPolicy: { status: 'enabled', days: 30 } }
  }
}

output name string = registry.name
output server string = registry.properties.loginServer
