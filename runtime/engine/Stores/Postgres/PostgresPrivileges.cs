namespace JitGrains.Runtime.Engine;

/// <summary>
/// Who may do what: granted to two group roles, whose members the processes' logins are. Run anew, as a whole, whenever
/// it changes; the owner itself is not bound by it. docs/operations.md shows how to make the logins.
/// </summary>
internal static class PostgresPrivileges
{
    /// <summary>The statements; running them again changes nothing.</summary>
    public const string Sql =
        """
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, jitgrains_silo, jitgrains_gateway;
        REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
        GRANT USAGE ON SCHEMA public TO jitgrains_silo, jitgrains_gateway;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO jitgrains_silo, jitgrains_gateway;
        GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO jitgrains_silo, jitgrains_gateway;
        GRANT SELECT ON schema_version, store_epoch TO jitgrains_silo, jitgrains_gateway;
        """;
}
