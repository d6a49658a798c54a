using System.Text;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Who may do what: granted to two group roles, whose members the processes' logins are. Run anew, as a whole, whenever
/// it changes; the owner itself is not bound by it. docs/operations.md shows how to make the logins.
/// </summary>
internal static class PostgresPrivileges
{
    /// <summary>Grains whose turns gateways run.</summary>
    private const string GatewayTypes = "('principal', 'gateway', 'gateway_directory', 'quota', 'assertionkeys', 'api_key_uses')";

    /// <summary>Messages that these grains send. What has a silo sign or decide is not among them.</summary>
    private const string GatewayKinds = "('raise_request', 'cancel_request', 'confirm_grant', 'fail_grant', 'record_in_system_chain')";

    /// <summary>Chains that these grains and the gateways' journals write.</summary>
    private const string GatewayChains = "(source LIKE 'principal/%' OR source LIKE 'gateway/%' OR source LIKE 'gateway\\_lease/%' OR source IN ('gateway_directory', 'assertionkeys'))";

    private static readonly Rule[] Rules =
    [
        new("grains", Silo: "SELECT, INSERT, UPDATE", Gateway: "SELECT, INSERT, UPDATE", Reads: "type NOT IN ('system_chain', 'sessions')", Writes: $"type IN {GatewayTypes}"),
        new("outbox", Silo: "SELECT, INSERT, DELETE", Gateway: "INSERT", Writes: $"source_type IN {GatewayTypes} AND kind IN {GatewayKinds}"),
        new("reminders", Silo: "SELECT, INSERT, UPDATE, DELETE", Gateway: "SELECT, INSERT, UPDATE, DELETE", Reads: $"type IN {GatewayTypes}", Writes: $"type IN {GatewayTypes}"),
        new("audit_entries", Silo: "SELECT, INSERT", Gateway: "SELECT, INSERT", Reads: "source LIKE 'gateway/%'", Writes: GatewayChains),
        new("audit_segments", Silo: "SELECT, INSERT", Gateway: "SELECT, INSERT", Reads: "source LIKE 'gateway/%'", Writes: "source LIKE 'gateway/%'"),
        new("audit_mentions", Silo: "SELECT, INSERT", Gateway: "INSERT", Writes: GatewayChains),
        new("audit_values", Silo: "SELECT, INSERT, DELETE", Gateway: "INSERT", Writes: "true"),
        new("audit_erased", Silo: "SELECT, INSERT, UPDATE"),
        new("requests", Silo: "SELECT, INSERT, UPDATE", Gateway: "SELECT", Reads: "true"),
        new("grants", Silo: "SELECT, INSERT, UPDATE", Gateway: "SELECT, INSERT, UPDATE", Reads: "true", Writes: "true"),
        new("executions", Silo: "SELECT, INSERT, UPDATE", Gateway: "SELECT, INSERT, UPDATE", Reads: "true", Writes: "true"),
        new("open_executions", Silo: "SELECT, INSERT, DELETE", Gateway: "SELECT, INSERT, DELETE", Reads: "true", Writes: "true"),
        new("callers", Silo: "SELECT, INSERT", Gateway: "SELECT, INSERT", Reads: "true", Writes: "true"),
        new("deliveries", Silo: "SELECT, INSERT, UPDATE, DELETE"),
        new("cluster_keys", Silo: "SELECT, INSERT", Gateway: "SELECT", Reads: "audience = 'all'"),
        new("policies", Silo: "SELECT, INSERT", Gateway: "SELECT", Reads: "true"),
        new("trial", Silo: "SELECT, INSERT, DELETE", Gateway: "SELECT, INSERT, DELETE", Reads: "true", Writes: "true"),
    ];

    /// <summary>The statements; running them again changes nothing.</summary>
    public static string Sql { get; } = Print();

    private static string Print()
    {
        var sql = new StringBuilder(
            """
            REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, jitgrains_silo, jitgrains_gateway;
            REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
            GRANT USAGE ON SCHEMA public TO jitgrains_silo, jitgrains_gateway;
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO jitgrains_silo, jitgrains_gateway;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO jitgrains_silo, jitgrains_gateway;
            GRANT SELECT ON schema_version, store_epoch TO jitgrains_silo, jitgrains_gateway;

            """);
        foreach (var rule in Rules)
        {
            sql.AppendLine($"ALTER TABLE {rule.Table} ENABLE ROW LEVEL SECURITY;");
            foreach (var policy in (string[])["silo", "gateway_reads", "gateway_adds", "gateway_changes", "gateway_removes"])
                sql.AppendLine($"DROP POLICY IF EXISTS {policy} ON {rule.Table};");
            sql.AppendLine($"GRANT {rule.Silo} ON {rule.Table} TO jitgrains_silo;");
            sql.AppendLine($"CREATE POLICY silo ON {rule.Table} TO jitgrains_silo USING (true) WITH CHECK (true);");
            if (rule.Gateway is null)
                continue;
            sql.AppendLine($"GRANT {rule.Gateway} ON {rule.Table} TO jitgrains_gateway;");
            if (rule.Reads is { } reads)
                sql.AppendLine($"CREATE POLICY gateway_reads ON {rule.Table} FOR SELECT TO jitgrains_gateway USING ({reads});");
            if (rule.Writes is { } writes)
            {
                sql.AppendLine($"CREATE POLICY gateway_adds ON {rule.Table} FOR INSERT TO jitgrains_gateway WITH CHECK ({writes});");
                sql.AppendLine($"CREATE POLICY gateway_changes ON {rule.Table} FOR UPDATE TO jitgrains_gateway USING ({writes}) WITH CHECK ({writes});");
                sql.AppendLine($"CREATE POLICY gateway_removes ON {rule.Table} FOR DELETE TO jitgrains_gateway USING ({writes});");
            }
        }

        return sql.ToString();
    }

    /// <summary>A table: what each role may do with it, and with which rows a gateway may.</summary>
    private sealed record Rule(string Table, string Silo, string? Gateway = null, string? Reads = null, string? Writes = null);
}
