// Which of the cluster's metrics and logs go where: all that its collector scrapes, and what the containers of the
// namespace jitgrains write.
@description('Region.')
param location string
@description('The cluster.')
param clusterName string
@description('Log Analytics workspace.')
param logs string
@description('Azure Monitor workspace.')
param metrics string
@description('Tags.')
param tags object

resource cluster 'Microsoft.ContainerService/managedClusters@2025-02-01' existing = { name: clusterName }

resource endpoint 'Microsoft.Insights/dataCollectionEndpoints@2023-03-11' = {
  name: '${clusterName}-metrics'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {}
}

resource metricsRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: '${clusterName}-metrics'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataCollectionEndpointId: endpoint.id
    dataSources: { prometheusForwarder: [{ name: 'prometheus', streams: ['Microsoft-PrometheusMetrics'] }] }
    destinations: { monitoringAccounts: [{ name: 'metrics', accountResourceId: metrics }] }
    dataFlows: [{ streams: ['Microsoft-PrometheusMetrics'], destinations: ['metrics'] }]
  }
}

resource logsRule 'Microsoft.Insights/dataCollectionRules@2023-03-11' = {
  name: '${clusterName}-logs'
  location: location
  tags: tags
  kind: 'Linux'
  properties: {
    dataSources: {
      extensions: [
        {
          name: 'ContainerInsightsExtension'
          extensionName: 'ContainerInsights'
          streams: ['Microsoft-ContainerLogV2', 'Microsoft-KubeEvents', 'Microsoft-KubePodInventory']
          extensionSettings: {
            dataCollectionSettings: { interval: '1m', namespaceFilteringMode: 'Include', namespaces: ['jitgrains'], enableContainerLogV2: true }
          }
        }
      ]
    }
    destinations: { logAnalytics: [{ name: 'logs', workspaceResourceId: logs }] }
    dataFlows: [{ streams: ['Microsoft-ContainerLogV2', 'Microsoft-KubeEvents', 'Microsoft-KubePodInventory'], destinations: ['logs'] }]
  }
}

resource sendsMetrics 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = {
  scope: cluster
  name: 'metrics'
  properties: { dataCollectionRuleId: metricsRule.id }
}

resource sendsLogs 'Microsoft.Insights/dataCollectionRuleAssociations@2023-03-11' = {
  scope: cluster
  name: 'ContainerInsightsExtension'
  properties: { dataCollectionRuleId: logsRule.id }
}
