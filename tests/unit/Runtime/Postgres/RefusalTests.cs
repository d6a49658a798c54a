using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Secrets;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A database that lets nobody in: operators hear which setting it is and what is wrong with it, never the password; what passes is waited for.</summary>
public sealed class RefusalTests
{
    private const string Secret = "canary-of-a-password";

    [Theory]
    [InlineData("silo", "password", "does not take its Username with its Password: password authentication failed for user \"*_owner\". Either may be wrong (28P01).")]
    [InlineData("gateway", "password", "does not take its Username with its Password: password authentication failed for user \"*_owner\". Either may be wrong (28P01).")]
    [InlineData("silo", "user", "does not take its Username with its Password: password authentication failed for user \"nobody\". Either may be wrong (28P01).")]
    [InlineData("gateway", "user", "does not take its Username with its Password: password authentication failed for user \"nobody\". Either may be wrong (28P01).")]
    [InlineData("silo", "no login", "does not let its Username in: role \"*_locked\" is not permitted to log in. Look at that role, and at the server's pg_hba.conf (28000).")]
    [InlineData("silo", "database", "does not have its Database: database \"nowhere\" does not exist. Create it, or name the right one (3D000).")]
    [InlineData("silo", "connect", "has not granted its Username what is needed: permission denied for database \"*\". docs/operations.md (Logins) says what that is (42501).")]
    [InlineData("silo", "tables", "has not granted its Username what is needed: permission denied for table schema_version. docs/operations.md (Logins) says what that is (42501).")]
    public async Task A_process_that_is_not_let_in_says_so_in_one_line_and_ends(string role, string wrong, string expected)
    {
        var server = await PostgresServer.SharedAsync();
        var owner = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync());
        var name = owner.Database!;
        switch (wrong)
        {
            case "password":
                owner.Password = Secret;
                break;
            case "user":
                (owner.Username, owner.Password) = ("nobody", Secret);
                break;
            case "no login":
                await server.ExecuteAsync($"CREATE ROLE {name}_locked NOLOGIN PASSWORD '{Secret}'");
                (owner.Username, owner.Password) = ($"{name}_locked", Secret);
                break;
            case "database":
                owner.Database = "nowhere";
                break;
            case "connect":
                await server.ExecuteAsync($"CREATE ROLE {name}_outside LOGIN PASSWORD '{Secret}'");
                (owner.Username, owner.Password) = ($"{name}_outside", Secret);
                break;
            default:
                await KeyStores.InDatabase(o => o.Database = owner.ToString()).AddAsync([]);
                owner = new(await server.CreateLoginAsync(owner.ToString()));
                break;
        }

        using var errors = new StringWriter();
        var port = role == "silo" ? "--control-port" : "--port";
        var code = await GatewayHost.RunAsync(["--role", role, "--quickstart", "--quickstart-issuer", "http://127.0.0.1:9", "--database", owner.ToString(), port, "0"], errors);
        Assert.Equal(
            (1, $"Database: PostgreSQL at 127.0.0.1:{server.Port} {expected.Replace("*", name, StringComparison.Ordinal)}"),
            (code, errors.ToString().TrimEnd()));
        Assert.DoesNotContain(owner.Password!, errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_the_owners_login_where_one_is_named()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        await using var engine = EngineHarness.Create("postgres", database: database, configure: o => o.DatabaseOwner = With(database, b => b.Password = Secret));
        var refused = await Assert.ThrowsAsync<StoreOpenException>(engine.StartServicesAsync);
        Assert.StartsWith($"DatabaseOwner: PostgreSQL at 127.0.0.1:{server.Port} does not take its Username", refused.Message, StringComparison.Ordinal);
        Assert.Equal([refused.Message], GatewayHost.ProblemsOf(refused, null));
    }

    [Fact]
    public async Task It_is_the_login_that_listens_where_that_is_wrong()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        await using var engine = EngineHarness.Create("postgres", database: database, configure: o => o.DatabaseListen = With(database, b => b.Password = Secret));
        var refused = await Assert.ThrowsAsync<StoreOpenException>(engine.StartServicesAsync);
        Assert.StartsWith($"DatabaseListen: PostgreSQL at 127.0.0.1:{server.Port} does not take its Username", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_several_servers_it_is_the_one_that_said_something_that_counts()
    {
        var server = await PostgresServer.SharedAsync();
        var several = With(await server.CreateDatabaseAsync(), b => (b.Host, b.Password) = ($"127.0.0.1:1,127.0.0.1:{server.Port}", Secret));
        var refused = await Assert.ThrowsAsync<StoreOpenException>(() => KeyStores.InDatabase(o => o.Database = several).ReadAsync());
        Assert.StartsWith($"Database: PostgreSQL at 127.0.0.1:1,127.0.0.1:{server.Port} does not take its Username", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", 1, "Database: PostgreSQL at 127.0.0.1:1 does not answer: Failed to connect to 127.0.0.1:1 (Connection refused)")]
    [InlineData("nowhere.invalid", 5432, "Database: PostgreSQL at nowhere.invalid:5432 does not answer: *")]
    public async Task A_server_that_is_not_there_is_waited_for_and_then_named(string host, int port, string expected)
    {
        var store = KeyStores.InDatabase(o => o.Database = $"Host={host};Port={port};Database=x;Username=x;Password={Secret}");
        var silo = await Assert.ThrowsAsync<StartupException>(() => AtStart.Reach(() => ClusterKeys.ForSiloAsync(store, null), new Hasty()));
        Assert.Matches($"^The store cannot be used: {Pattern(expected)}$", Assert.Single(silo.Problems));
        var gateway = await Assert.ThrowsAsync<StartupException>(() => ClusterKeys.ForGatewayAsync(store, new Hasty()));
        Assert.Matches($"^The cluster's keys cannot be read from the database: {Pattern(expected)}\\.$", Assert.Single(gateway.Problems));
        // A silo that keeps its keys in a folder asks for something else first.
        Assert.Matches($"^{Pattern(expected)}$", (await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AddAsync([]))).Message);
    }

    [Fact]
    public async Task A_server_that_is_stopping_or_full_is_waited_for()
    {
        await using var server = await PostgresServer.StartAsync(durable: false);
        var owner = await server.CreateDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(owner).Database;
        var store = KeyStores.InDatabase(o => o.Database = owner);

        await server.ExecuteAsync($"ALTER ROLE {name}_owner CONNECTION LIMIT 0");
        var full = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync());
        Assert.Contains($"does not serve: too many connections for role \"{name}_owner\" (53300)", full.Message, StringComparison.Ordinal);
        var silo = AtStart.Reach(() => ClusterKeys.ForSiloAsync(store, null), TimeProvider.System);
        Assert.False(silo.IsCompleted);
        await server.ExecuteAsync($"ALTER ROLE {name}_owner CONNECTION LIMIT -1");
        using var ring = await silo;

        // While one session goes on it stops slowly, and says to others what it says while it starts.
        await using (var last = new NpgsqlConnection(server.AsAdmin(owner)))
        {
            await last.OpenAsync();
            await server.StopSlowlyAsync();
            StoreUnavailableException away;
            do
                away = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.ReadAsync());
            while (!away.Message.Contains("(57P03)", StringComparison.Ordinal));
            Assert.Contains("does not serve: the database system is shutting down (57P03)", away.Message, StringComparison.Ordinal);
        }

        var gateway = ClusterKeys.ForGatewayAsync(store, TimeProvider.System);
        Assert.False(gateway.IsCompleted);
        await server.StopAsync();
        await server.StartAgainAsync();
        await gateway;
    }

    [Fact]
    public async Task A_gateway_waits_for_a_database_that_is_yet_to_be_made()
    {
        var server = await PostgresServer.SharedAsync();
        var owner = With(await server.CreateDatabaseAsync(), b => b.Database += "_later");
        var name = new NpgsqlConnectionStringBuilder(owner).Database;
        var store = KeyStores.InDatabase(o => o.Database = owner);
        var waited = await Assert.ThrowsAsync<StartupException>(() => ClusterKeys.ForGatewayAsync(store, new Hasty()));
        Assert.Contains($"does not have its Database: database \"{name}\" does not exist", Assert.Single(waited.Problems), StringComparison.Ordinal);

        using var errors = new FirstLine();
        using var temp = new TempFolder();
        using var gateways = new TempFolder();
        var gateway = GatewayHost.BuildAsync(
            ["--role", "gateway", "--quickstart", "--quickstart-issuer", "http://127.0.0.1:9", "--database", owner, "--port", "0", "--data", gateways.Path], errors: errors);
        // Told while it waits, and once.
        Assert.Equal($"Waiting: {Assert.Single(waited.Problems)}", await errors.Line);
        Assert.False(gateway.IsCompleted);
        await server.ExecuteAsync($"CREATE DATABASE {name} OWNER {new NpgsqlConnectionStringBuilder(owner).Username}");
        using var ring = await ClusterKeys.ForSiloAsync(store, null);
        using var issuer = await DevelopmentIssuer.OpenSharedAsync(DataFolder.Open(temp.Path), store);
        await using var app = await gateway;
        Assert.Equal(ring.PayloadBinding, app.Services.GetRequiredService<GatewayKeys>().PayloadBinding);
        Assert.Single(errors.ToString().Split(Environment.NewLine), l => l.Contains("(3D000)", StringComparison.Ordinal));
    }

    private static string With(string database, Action<NpgsqlConnectionStringBuilder> change)
    {
        var text = new NpgsqlConnectionStringBuilder(database);
        change(text);
        return text.ToString();
    }

    private static string Pattern(string expected) => System.Text.RegularExpressions.Regex.Escape(expected).Replace("\\*", ".+", StringComparison.Ordinal);

    private sealed class FirstLine : StringWriter
    {
        private readonly TaskCompletionSource<string> line = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> Line => line.Task;

        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            line.TrySetResult(value!);
        }
    }

    /// <summary>A clock by which every wait is over.</summary>
    private sealed class Hasty : TimeProvider
    {
        private long now;

        public override long GetTimestamp() => now += 2 * 60 * TimestampFrequency;
    }
}
