// Alerts, and whom they tell. Each says in its description what it means and where to look; by metrics of the product's own
// meters where there are any, by its log where there are none.
@description('Region.')
param location string
@description('What names begin with.')
param name string
@description('Azure Monitor workspace.')
param metrics string
@description('Log Analytics workspace.')
param logs string
@description('The database server.')
param databaseId string
@description('Who is told.')
param alertEmail string
@description('Tags.')
param tags object

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: { groupShortName: take(name, 12), enabled: true, emailReceivers: [{ name: 'operators', emailAddress: alertEmail, useCommonAlertSchema: true }] }
}

var rules = loadYamlContent('../alerts/metrics.yaml')

resource byMetrics 'Microsoft.AlertsManagement/prometheusRuleGroups@2023-03-01' = {
  name: '${name}-metrics'
  location: location
  tags: tags
  properties: {
    enabled: true
    interval: 'PT1M'
    scopes: [metrics]
    rules: [
      for rule in rules: {
        alert: rule.alert
        expression: rule.expr
        for: rule.for
        severity: rule.severity
        enabled: true
        annotations: { description: rule.description }
        resolveConfiguration: { autoResolved: true, timeToResolve: 'PT10M' }
        actions: [{ actionGroupId: people.id }]
      }
    ]
  }
}

var queries = loadYamlContent('../alerts/logs.yaml')

resource byLogs 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for query in queries: {
    name: '${name}-${query.alert}'
    location: location
    tags: tags
    properties: {
      displayName: query.alert
      description: query.description
      severity: query.severity
      enabled: true
      scopes: [logs]
      evaluationFrequency: query.every
      windowSize: query.over
      autoMitigate: false
      criteria: { allOf: [{ query: query.query, timeAggregation: 'Count', operator: query.operator, threshold: query.threshold }] }
      actions: { actionGroups: [people.id] }
    }
  }
]

// The database's own: what the product cannot see from inside.
var databaseLimits = {
  storage_percent: { threshold: 80, description: 'The database\'s disk is filling; it grows by itself, until it may not.' }
  cpu_percent: { threshold: 85, description: 'The database is short of processor time: uses, asks and votes wait.' }
}

resource ofDatabase 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for limit in items(databaseLimits): {
    name: '${name}-database-${limit.key}'
    location: 'global'
    tags: tags
    properties: {
      description: limit.value.description
      severity: 2
      enabled: true
      scopes: [databaseId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [{ name: 'limit', criterionType: 'StaticThresholdCriterion', metricName: limit.key, timeAggregation: 'Average', operator: 'GreaterThan', threshold: limit.value.threshold }]
      }
      actions: [{ actionGroupId: people.id }]
    }
  }
]
