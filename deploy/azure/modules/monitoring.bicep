// What watches: a workspace for logs, one for metrics (Prometheus), Application Insights for traces, Grafana to look at them.
@description('Region.')
param location string
@description('What names begin with.')
param name string
@description('What makes names unique.')
param suffix string
@description('Days for which logs are kept.')
param logDays int
@description('Object id of the group that administers Grafana.')
param administratorsGroup string
@description('Tags.')
param tags object

resource logs 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: name
  location: location
  tags: tags
  properties: { sku: { name: 'PerGB2018' }, retentionInDays: logDays, features: { disableLocalAuth: true } }
}

resource metrics 'Microsoft.Monitor/accounts@2023-04-03' = {
  name: name
  location: location
  tags: tags
}

resource traces 'Microsoft.Insights/components@2020-02-02' = {
  name: name
  location: location
  tags: tags
  kind: 'web'
  properties: { Application_Type: 'web', WorkspaceResourceId: logs.id }
}

resource grafana 'Microsoft.Dashboard/grafana@2023-09-01' = {
  name: take('${name}-${suffix}', 23)
  location: location
  tags: tags
  sku: { name: 'Standard' }
  identity: { type: 'SystemAssigned' }
  properties: { zoneRedundancy: 'Enabled', grafanaIntegrations: { azureMonitorWorkspaceIntegrations: [{ azureMonitorWorkspaceResourceId: metrics.id }] } }
}

// Monitoring Data Reader, for what Grafana shows.
resource seesMetrics 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: metrics
  name: guid(metrics.id, grafana.id, 'read')
  properties: {
    principalId: grafana.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'b0d8363b-8ddd-447d-831f-62ca05bff136')
  }
}

// Grafana Admin, for those who import the dashboard.
resource administers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: grafana
  name: guid(grafana.id, administratorsGroup, 'admin')
  properties: {
    principalId: administratorsGroup
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '22926164-76b3-42b3-bc55-97df8dab3e41')
  }
}

output logs string = logs.id
output metrics string = metrics.id
output tracesConnection string = traces.properties.ConnectionString
output grafanaName string = grafana.name
