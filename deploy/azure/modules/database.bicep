// The database that all processes share: PostgreSQL with a standby in another zone that has every commit before it is
// answered, in a subnet of its own. Its roles and schema are made by kubernetes/schema.yaml.
@description('Region.')
param location string
@description('Name of the server.')
param name string
@description('Major version.')
param version string
@description('Size.')
param sku string
@description('GiB.')
param storageGiB int
@description('Days for which it can be set back.')
param backupDays int
@description('Whether backups are kept in the paired region as well.')
param geoBackup bool
@description('The administrator\'s password.')
@secure()
param administratorPassword string
@description('Vault in which the schema job finds that password.')
param vaultName string
@description('Delegated subnet.')
param subnet string
@description('Private DNS zone.')
param zone string
@description('Log Analytics workspace.')
param logs string
@description('Tags.')
param tags object

var administrator = 'pgadmin'

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2024-08-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku, tier: startsWith(sku, 'Standard_E') ? 'MemoryOptimized' : 'GeneralPurpose' }
  properties: {
    version: version
    administratorLogin: administrator
    administratorLoginPassword: administratorPassword
    authConfig: { passwordAuth: 'Enabled', activeDirectoryAuth: 'Disabled' }
    storage: { storageSizeGB: storageGiB, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: backupDays, geoRedundantBackup: geoBackup ? 'Enabled' : 'Disabled' }
    highAvailability: { mode: 'ZoneRedundant' }
    network: { delegatedSubnetResourceId: subnet, privateDnsZoneArmResourceId: zone, publicNetworkAccess: 'Disabled' }
    // Saturday night, UTC: a failover voids grants (docs/operations.md, Backup and restore).
    maintenanceWindow: { customWindow: 'Enabled', dayOfWeek: 6, startHour: 2, startMinute: 0 }
  }

  // The server changes one setting at a time. The product sets its own timeouts; what is here is against drift of defaults it relies on.
  resource passwords 'configurations' = {
    name: 'password_encryption'
    properties: { value: 'SCRAM-SHA-256', source: 'user-override' }
  }

  resource commits 'configurations' = {
    name: 'synchronous_commit'
    properties: { value: 'on', source: 'user-override' }
    dependsOn: [passwords]
  }
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = { name: vaultName }

resource kept 'Microsoft.KeyVault/vaults/secrets@2023-07-01' = {
  parent: vault
  name: 'administrator'
  properties: { value: administratorPassword, contentType: 'text/plain' }
  dependsOn: [server]
}

resource telling 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: server
  name: 'logs'
  properties: { workspaceId: logs, logs: [{ category: 'PostgreSQLLogs', enabled: true }] }
}

output id string = server.id
output host string = server.properties.fullyQualifiedDomainName
output administrator string = administrator
