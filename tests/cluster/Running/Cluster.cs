using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Relaying;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.ClusterTests.Running;

/// <summary>A process of the cluster; with its own ways to the database, where faults are meant for it: a relay for its work and one for listening.</summary>
internal sealed record Member(ClusterProcess Process, TcpRelay? WorkRelay, TcpRelay? ListenRelay)
{
    public string Name => Process.Name;

    public TcpRelay Data => WorkRelay!;

    public TcpRelay Listen => ListenRelay!;
}

/// <summary>
/// PostgreSQL, silos and gateways, each by a login of its own with no more rights than its part needs; on the engine that
/// the gateway was built with.
/// </summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("jitgrains-cluster-");
    private readonly List<Member> members = [];
    private readonly Settings settings;
    private readonly bool faults;
    private string owner = "";
    private OrleansDatabase? orleans;

    private Cluster(PostgresServer postgres, Settings settings, bool faults) => (Postgres, this.settings, this.faults) = (postgres, settings, faults);

    public PostgresServer Postgres { get; }

    public IReadOnlyList<Member> Gateways => [.. members.Where(m => !m.Process.IsSilo)];

    public IReadOnlyList<Member> Silos => [.. members.Where(m => m.Process.IsSilo)];

    public IReadOnlyList<Member> Members => members;

    public IReadOnlyList<Place> GatewayPlaces => [.. Gateways.Select(g => new Place(g.Name, g.Process.Gateway))];

    public IReadOnlyList<Place> SiloPlaces => [.. Silos.Select(s => new Place(s.Name, s.Process.Control))];

    /// <summary>How a superuser connects, past all relays.</summary>
    public string Admin => Postgres.AsAdmin(owner);

    /// <param name="gateways">How many.</param>
    /// <param name="silos">How many.</param>
    /// <param name="settings">What they have in common.</param>
    /// <param name="faults">Whether relays lie before the database and clocks can be set.</param>
    public static async Task<Cluster> Start(int gateways, int silos, Settings settings, bool faults)
    {
        var cluster = new Cluster(await PostgresServer.StartAsync(), settings, faults);
        try
        {
            cluster.owner = await cluster.Postgres.CreateDatabaseAsync();
            await cluster.Postgres.ExecuteAsync("CREATE ROLE jitgrains_silo NOLOGIN", "CREATE ROLE jitgrains_gateway NOLOGIN");
            if (OrleansDatabase.IsEngine)
                cluster.orleans = await OrleansDatabase.Create(cluster.Postgres, cluster.owner);
            for (var i = 1; i <= silos; i++)
                await cluster.Add($"silo-{i}", isSilo: true);
            // The first silo makes the schema; the rest may start at once.
            await cluster.members[0].Process.Start();
            await Task.WhenAll(cluster.members.Skip(1).Select(m => m.Process.Start()));
            await cluster.Grow(gateways);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Adds gateways until there are so many.</summary>
    public async Task Grow(int gateways)
    {
        var added = new List<Member>();
        for (var i = Gateways.Count + 1; i <= gateways; i++)
            added.Add(await Add($"gateway-{i}", isSilo: false));
        await Task.WhenAll(added.Select(m => m.Process.Start()));
    }

    /// <summary>How many transactions a process has open while it waits for nobody: it has read, and is yet to write.</summary>
    public async Task<long> OpenTransactions(Member member)
    {
        await using var connection = new NpgsqlConnection(Admin);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND state LIKE 'idle in transaction%'", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = member.Name });
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var member in members)
            await member.Process.DisposeAsync();
        foreach (var relay in members.SelectMany(m => new[] { m.WorkRelay, m.ListenRelay }).OfType<TcpRelay>())
            await relay.DisposeAsync();
        await Postgres.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task<Member> Add(string name, bool isSilo)
    {
        var login = await Postgres.CreateLoginAsync(owner, isSilo ? "jitgrains_silo" : "jitgrains_gateway");
        var process = new ClusterProcess(name, folder.FullName) { IsSilo = isSilo };
        var member = faults ? new Member(process, new TcpRelay(Postgres.Port), new TcpRelay(Postgres.Port)) : new Member(process, null, null);
        members.Add(member);
        settings.Apply(process);
        if (faults)
            await ShiftedClock.Load(process);
        process.Set("Role", isSilo ? "silo" : "gateway");
        process.Set("Database", Through(login, member.WorkRelay));
        process.Set("DatabaseListen", Through(login, member.ListenRelay));
        if (isSilo)
        {
            process.Set("DatabaseOwner", Through(owner, member.WorkRelay));
            if (settings.AnswersDirectly)
                process.Set("AnswerUrl", process.Control.AbsoluteUri);
        }
        else
        {
            // It takes its policy from the database, as its keys.
            process.Environment.Remove("JITGRAINS__POLICY");
        }

        if (orleans is not null)
        {
            process.Set("Orleans__Database", Through(isSilo ? orleans.Owner : orleans.Reader, member.WorkRelay));
            process.Set("Orleans__SiloPort", $"{process.SiloPort}");
            process.Set("Orleans__GatewayPort", $"{process.ClientPort}");
        }

        return member;

        string Through(string connection, TcpRelay? relay) =>
            new NpgsqlConnectionStringBuilder(connection) { Port = relay?.Port ?? Postgres.Port, ApplicationName = name }.ToString();
    }
}
