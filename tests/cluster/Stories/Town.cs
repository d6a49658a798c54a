using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Recording;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Stories;

/// <summary>Gateways and two silos as processes on PostgreSQL, and the people of the stories. Each story leaves it whole.</summary>
public class Town : IAsyncLifetime
{
    private const string Authority = "orders.example.com";

    /// <summary>For what comes once a silo that was killed is missed.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private int people;

    internal Upstream Upstream { get; } = new();

    /// <summary>How many gateways there are.</summary>
    protected virtual int GatewayCount => 2;

    /// <summary>Whether gateways acknowledge revocations without the database.</summary>
    protected virtual bool AnswersDirectly => true;

    /// <summary>What all processes are told beside what they need.</summary>
    protected virtual IReadOnlyDictionary<string, string> More => new Dictionary<string, string>(StringComparer.Ordinal);

    internal Issuer Issuer { get; private set; } = null!;

    internal Cluster Cluster { get; private set; } = null!;

    internal Client Client { get; } = new(patience: TimeSpan.FromMinutes(2));

    internal Person Bob { get; private set; } = null!;

    internal Person Dave { get; private set; } = null!;

    /// <summary>The policy that it starts with.</summary>
    internal string Policy => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "policy.yaml")).Replace("$UPSTREAM", Upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal);

    public async Task InitializeAsync()
    {
        Issuer = await Issuer.Start();
        (Bob, Dave) = (Person.Of(Issuer, "bob", "managers"), Person.Of(Issuer, "dave", "operators"));
        Cluster = await Cluster.Start(GatewayCount, silos: 2, new Settings(Upstream.Address, "policy.yaml", Issuer) { More = More, AnswersDirectly = AnswersDirectly }, faults: false);
    }

    public virtual async Task DisposeAsync()
    {
        Client.Dispose();
        // Where it could not start, there is less to stop.
        if (Cluster is not null)
            await Cluster.DisposeAsync();
        if (Issuer is not null)
            await Issuer.DisposeAsync();
        await Upstream.DisposeAsync();
    }

    /// <summary>A caller, and an order, of nobody else's.</summary>
    internal (Person Caller, string Order) Newcomer()
    {
        var number = Interlocked.Increment(ref people);
        return (Person.Of(Issuer, $"alice-{number}", "engineering"), $"a{number}");
    }

    /// <summary>Sends a call to a gateway, under one name for all of them, as behind a load balancer.</summary>
    internal Task<Answer> Call(int gateway, Person caller, string method, string path, int wait = 0) =>
        Client.Send(method, new Uri(Cluster.Gateways[gateway].Process.Gateway, path), caller.Token, null, null, default, ("Prefer", $"wait={wait}"), ("Host", Authority));

    /// <summary>Asks a silo something.</summary>
    internal Task<Answer> Ask(int silo, Person person, string method, string path, object? json = null) =>
        Client.Send(method, new Uri(Cluster.Silos[silo].Process.Control, "/api/v1/" + path), person.Token, json);

    /// <summary>Has bob approve, at a silo, what is asked of an order, as soon as he sees it there. Tried again until it counts.</summary>
    internal async Task Approve(int silo, string order) => await Until.Holds(
        async () =>
        {
            var pending = await Ask(silo, Bob, "GET", "requests?status=pending&limit=50");
            var request = pending.Succeeded ? pending.Json["items"]!.AsArray().FirstOrDefault(r => r!["resource"]!.GetValue<string>() == $"order={order}") : null;
            return request is not null
                && (await Ask(silo, Bob, "POST", $"requests/{request["id"]}/votes", new { decision = "approve", digest = request["digest"]!.GetValue<string>() })).Succeeded;
        },
        "the vote counted",
        Patience);

    /// <summary>Gives a caller a window in which an order may be purged, and has both gateways see it used.</summary>
    internal async Task<string> Window(Person caller, string order)
    {
        var asked = await Client.Send(
            "POST", new Uri(Cluster.Gateways[0].Process.Gateway, "/.jit/requests"), caller.Token, new { action = "orders.purge", resource = $"order={order}", duration_seconds = 600 });
        Assert.True(asked.Succeeded, asked.Body);
        await Approve(0, order);
        for (var gateway = 0; gateway < 2; gateway++)
        {
            var at = gateway;
            await Until.Holds(async () => (await Call(at, caller, "DELETE", $"/orders/{order}/purge")).Succeeded, "the grant is there", Patience);
        }

        // The request says so once it has been told that the grant is there.
        var settled = await Client.Send("GET", new Uri(Cluster.Gateways[0].Process.Gateway, $"/.jit/requests/{asked.Json["id"]}"), caller.Token, null, null, default, ("Prefer", "wait=20"));
        return settled.Json["grant"]!["id"]!.GetValue<string>();
    }

    /// <summary>How often calls for an order have arrived at the upstream.</summary>
    internal int Arrived(string order) => Upstream.Arrivals.Count(a => a.Target.Contains($"/orders/{order}/", StringComparison.Ordinal));

    /// <summary>All gateways have a lease, by which they answer what needs approval.</summary>
    internal async Task Whole()
    {
        foreach (var member in Cluster.Members)
            await member.Process.UntilReady();
        for (var gateway = 0; gateway < GatewayCount; gateway++)
        {
            var (caller, order) = Newcomer();
            var at = gateway;
            await Until.Holds(async () => (await Call(at, caller, "POST", $"/orders/{order}/refund")).Problem == "approval-required", "approvals are asked for again", Patience);
        }
    }
}
