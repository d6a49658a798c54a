// The network: machines, the database in a subnet of its own, private addresses of the vaults. Calls come in by one public
// address, and go out by another, which upstreams can list.
@description('Region.')
param location string
@description('What names begin with.')
param name string
@description('The whole network.')
param addressPrefix string
@description('Tags.')
param tags object

var nodesPrefix = cidrSubnet(addressPrefix, 20, 0)
var databasePrefix = cidrSubnet(addressPrefix, 27, 128)
var endpointsPrefix = cidrSubnet(addressPrefix, 27, 129)

resource egressAddress 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: '${name}-egress'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { publicIPAllocationMethod: 'Static' }
}

// Idle connections to upstreams are kept by the product, and closed by it.
resource egress 'Microsoft.Network/natGateways@2024-05-01' = {
  name: '${name}-egress'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  properties: { idleTimeoutInMinutes: 10, publicIpAddresses: [{ id: egressAddress.id }] }
}

resource callersAddress 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: '${name}-callers'
  location: location
  tags: tags
  sku: { name: 'Standard' }
  zones: ['1', '2', '3']
  properties: { publicIPAllocationMethod: 'Static' }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'nodes'
        properties: {
          addressPrefix: nodesPrefix
          natGateway: { id: egress.id }
          serviceEndpoints: [{ service: 'Microsoft.Storage' }]
        }
      }
      {
        name: 'database'
        properties: {
          addressPrefix: databasePrefix
          delegations: [{ name: 'postgres', properties: { serviceName: 'Microsoft.DBforPostgreSQL/flexibleServers' } }]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: endpointsPrefix }
      }
    ]
  }

  resource nodes 'subnets' existing = { name: 'nodes' }
  resource database 'subnets' existing = { name: 'database' }
  resource endpoints 'subnets' existing = { name: 'endpoints' }
}

// The database's names must end so, and its own name may not be the zone's.
resource databaseZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: '${name}.private.postgres.database.azure.com'
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: name
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
}

resource vaultZone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'
  location: 'global'
  tags: tags

  resource link 'virtualNetworkLinks' = {
    name: name
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
  }
}

output name string = network.name
output nodesSubnet string = network::nodes.id
output databaseSubnet string = network::database.id
output endpointsSubnet string = network::endpoints.id
output databaseZone string = databaseZone.id
output vaultZone string = vaultZone.id
output databasePrefix string = databasePrefix
output callersAddressName string = callersAddress.name
output callersAddress string = callersAddress.properties.ipAddress
// The last address of the machines' subnet but some: Kubernetes gives machines theirs from the beginning.
output controlAddress string = cidrHost(nodesPrefix, 4000)
