namespace JitGrains.Gateway.Hosting;

/// <summary>The command line, which stands above environment and files.</summary>
internal static class CommandLine
{
    private static readonly Dictionary<string, string> Values = new(StringComparer.Ordinal)
    {
        ["--data"] = "Data",
        ["--policy"] = "Policy",
        ["--port"] = "Port",
        ["--http2-port"] = "Http2Port",
        ["--control-port"] = "ControlPort",
        ["--sample-port"] = "SamplePort",
        ["--address"] = "Address",
        ["--control-address"] = "ControlAddress",
        ["--tls"] = "Tls",
        ["--control-tls"] = "ControlTls",
        ["--public-url"] = "PublicUrl",
        ["--store"] = "Store",
        ["--role"] = "Role",
        ["--database"] = "Database",
        ["--keys-folder"] = "KeysFolder",
        ["--quickstart-issuer"] = "QuickstartIssuer",
    };

    public const string Help = """
        jitgrains gateway, or `migrate` and options: brings the store of an older version up to date, and ends

          --quickstart              sample upstream, development issuer and built-in policy, on loopback
          --policy PATH             policy file or folder
          --data DIR                where all state is kept (default ./data)
          --port N                  port for callers (default 8080)
          --http2-port N            a further port for callers with HTTP/2 and no TLS (default none)
          --control-port N          port for approvers and operators (default 8081)
          --sample-port N           port of the quickstart's upstream (default 8082)
          --address IP              where callers are answered (default 127.0.0.1)
          --control-address IP      where approvers and operators are answered (default 127.0.0.1)
          --tls terminated          what stands in front of --port speaks TLS; needed beyond loopback without certificates
          --control-tls terminated  the same for --control-port
          --public-url URL          what links to the control plane begin with
          --store memory            keep nothing (for trying things out)
          --role ROLE               all, gateway or silo (default all)
          --database CONNECTION     the PostgreSQL database that the processes of a cluster share
          --quickstart-issuer URL   in a cluster, where silos run the quickstart's development issuer
          --keys-folder DIR         keys that are kept elsewhere (default: the data folder, or the database)

        Everything else is configuration: appsettings.json or JITGRAINS__... in the environment; see docs/operations.md.
        """;

    /// <summary>Settings by their configuration keys; everything that is not understood goes to <paramref name="problems"/>.</summary>
    public static Dictionary<string, string?> Parse(string[] args, ICollection<string> problems)
    {
        var settings = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        for (var i = 0; i < args.Length; i++)
        {
            var equals = args[i].IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? args[i] : args[i][..equals];
            if (name == "--quickstart" && equals < 0)
                settings[GatewayHost.Section + ":Quickstart"] = "true";
            else if (!Values.TryGetValue(name, out var key))
                problems.Add($"{name}: there is no such option; --help lists them.");
            else if (equals >= 0)
                settings[$"{GatewayHost.Section}:{key}"] = args[i][(equals + 1)..];
            else if (i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
                settings[$"{GatewayHost.Section}:{key}"] = args[++i];
            else
                problems.Add($"{name}: a value is missing.");
        }

        return settings;
    }
}
