// Who the processes are for Azure: one identity for each service account of the namespace jitgrains, by workload identity
// federation, so that there is no secret to keep.
@description('Region.')
param location string
@description('What names begin with.')
param name string
@description('Service accounts.')
param roles string[]
@description('The cluster\'s issuer of service accounts\' tokens.')
param issuer string
@description('Tags.')
param tags object

resource identities 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = [
  for role in roles: { name: '${name}-${role}', location: location, tags: tags }
]

resource federations 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2023-01-31' = [
  for (role, i) in roles: {
    parent: identities[i]
    name: 'kubernetes'
    properties: { issuer: issuer, subject: 'system:serviceaccount:jitgrains:${role}', audiences: ['api://AzureADTokenExchange'] }
  }
]

output principals string[] = [for (role, i) in roles: identities[i].properties.principalId]
output clients string[] = [for (role, i) in roles: identities[i].properties.clientId]
