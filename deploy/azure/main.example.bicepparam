using 'main.bicep'

param administratorsGroup = '00000000-0000-0000-0000-000000000000'
param alertEmail = 'operators@example.com'
param operatorNetworks = ['192.0.2.0/24']
// A new one for each deployment: `deploy infrastructure` makes it.
param databaseAdministratorPassword = readEnvironmentVariable('DATABASE_ADMINISTRATOR_PASSWORD')
