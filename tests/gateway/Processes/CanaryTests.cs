using System.Net;
using System.Runtime.Versioning;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;
using Xunit.Abstractions;

namespace JitGrains.GatewayTests.Processes;

/// <summary>Secrets planted wherever a caller has them, and then looked for in everything that the process lets out or keeps.</summary>
[UnsupportedOSPlatform("windows")]
public sealed partial class CanaryTests(ITestOutputHelper output)
{
    private const string Policy = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            assertion: true
            credential: {header: {name: X-Upstream-Key, value: "env:CANARY_UPSTREAM_KEY"}}
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.refund:
                methods: [POST]
                path: "/orders/{order}/refunds"
                access: write
                binding: payload
                mask: [body.card.number, query.code, header.x-partner]
                summary: "Refund {body.amount} on order {path.order}"
              orders.small: {methods: [PUT], path: "/orders/{order}/small", access: write, binding: payload, body_limit: 1KiB}
          gone:
            upstreams: ["http://127.0.0.1:9"]
            prefix: /gone
            credential: {basic: {user: svc, password: "env:CANARY_UPSTREAM_PASSWORD"}}
            actions:
              gone.read: {methods: [GET], path: "/gone/{thing}", access: read}
          keyed:
            upstreams: [$UPSTREAM]
            prefix: /keyed
            credential: {query: {name: key, value: "file:$FOLDER/canary"}}
            actions:
              keyed.read: {methods: [GET], path: "/keyed/{thing}", access: read}
          unset:
            upstreams: [$UPSTREAM]
            prefix: /unset
            credential: {header: {name: X-Upstream-Key, value: "env:CANARY_NOT_SET"}}
            actions:
              unset.read: {methods: [GET], path: "/unset/{thing}", access: read}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {access: [read]}, effect: allow}
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund, orders.small]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: once, decide_within: 30m, use_within: 10m}
        """;

    private const string Card = "canary-card-4929123412341234";
    private const string Code = "canary-query-code-77";
    private const string Partner = "canary-partner-header-78";
    private const string ApiKey = "canary-api-key-79";
    private const string Cookie = "canary-cookie-80";
    private const string BadToken = "canary-bad-token-81";
    private const string BadSecret = "canary-wrong-client-secret-82";
    private const string UpstreamKey = "canary-upstream-key-84";
    private const string UpstreamPassword = "canary-upstream-password-85";
    private const string UpstreamQuery = "canary-upstream-query-86";
    private const string Hook = "whsec_Y2FuYXJ5LXdlYmhvb2stc2VjcmV0LTgz";

    [Fact]
    public async Task No_secret_leaves_but_to_its_upstream()
    {
        await using var upstream = await MarkedUpstream.Start();
        await using var receiver = await WebhookReceiver.Start(Hook);
        await using var collector = await Collector.Start();
        await using var installation = await WebhookTests.Configured(receiver, upstream, secret: Hook);
        await using var given = await Credentials.Start(installation);
        await installation.WritePolicy(given.Fill(Policy.Replace("rules:\n", CredentialApis + "\nrules:\n", StringComparison.Ordinal), installation), upstream.Address);
        await File.WriteAllTextAsync(Path.Combine(installation.Folder, "canary"), UpstreamQuery);
        installation.Environment["CANARY_UPSTREAM_KEY"] = UpstreamKey;
        installation.Environment["CANARY_UPSTREAM_PASSWORD"] = UpstreamPassword;
        foreach (var (i, reference) in new[] { "env:CANARY_*", $"file:{installation.Folder}/canary*" }.Index())
        {
            installation.Environment[$"JITGRAINS__SECRETS__{i}__REFERENCE"] = reference;
            installation.Environment[$"JITGRAINS__SECRETS__{i}__UPSTREAMS__0"] = "*";
        }

        installation.Environment["JITGRAINS__OTLPENDPOINT"] = collector.Address.AbsoluteUri;
        foreach (var category in new[] { "Default", "JitGrains", "Microsoft", "System", "Yarp" })
            installation.Environment[$"Logging__LogLevel__{category}"] = "Debug";
        using var client = new JitClient(installation);
        var process = await installation.Start();
        var (alice, bob, dave) = (await installation.Token("alice"), await installation.Token("bob"), await installation.Token("dave"));

        var answers = await Play(client, installation, upstream, alice, bob, dave);
        answers.AddRange(await PlayCredentials(client, installation, upstream, given, alice, bob));
        await receiver.Delivered(3);
        await process.Terminate();
        await process.Ended;

        var clientSecret = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(installation.Data, "dev-issuer.json")))!["client_secret"]!.GetValue<string>();
        string[] canaries =
        [
            UpstreamKey, UpstreamPassword, UpstreamQuery, Convert.ToBase64String(Encoding.UTF8.GetBytes("svc:" + UpstreamPassword)),
            Card, Code, Partner, ApiKey, Cookie, BadToken, BadSecret, Hook, Hook["whsec_".Length..], "canary-webhook-secret-83", clientSecret,
            .. given.Secrets.Distinct(StringComparer.Ordinal),
            .. new[] { alice, bob, dave }.SelectMany(t => new[] { t, t[(t.LastIndexOf('.') + 1)..] }),
        ];
        var places = new Dictionary<string, byte[]>(StringComparer.Ordinal)
        {
            ["standard output"] = Encoding.UTF8.GetBytes(process.Output),
            ["standard error"] = Encoding.UTF8.GetBytes(process.Errors),
            ["webhook"] = Encoding.UTF8.GetBytes(string.Join('\n', receiver.Deliveries.Select(d => d.ToJsonString()))),
            ["telemetry"] = collector.Received.SelectMany(r => r).ToArray(),
        };
        for (var i = 0; i < answers.Count; i++)
            places[$"answer {i}, {answers[i].Status}"] = Encoding.UTF8.GetBytes(answers[i].Response.Headers + answers[i].Body);
        foreach (var file in Directory.EnumerateFiles(installation.Data, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "dev-issuer.json"))
            places[Path.GetRelativePath(installation.Data, file)] = await File.ReadAllBytesAsync(file);

        var found = from place in places
                    from canary in canaries
                    where place.Value.AsSpan().IndexOf(Encoding.UTF8.GetBytes(canary)) >= 0
                    select $"{canary} in {place.Key}: {LineOf(place.Value, canary)}";
        output.WriteLine($"{canaries.Length} canaries, {places.Count} places, {places.Values.Sum(p => p.Length)} bytes");
        Assert.True(!found.Any(), string.Join('\n', found));

        // The search can find: each place has what it is to have, and the debug log is one.
        Assert.Contains("dbug:", process.Output, StringComparison.Ordinal);
        Assert.True(places["telemetry"].Length > 0);
        Assert.True(places["telemetry"].AsSpan().IndexOf("orders.refund"u8) >= 0);
        Assert.True(places["jitgrains.db"].AsSpan().IndexOf("orders.refund"u8) >= 0);
        Assert.Contains("4711", Encoding.UTF8.GetString(places["webhook"]), StringComparison.Ordinal);
    }

    /// <summary>Where it is, for whoever has to find out how it got there.</summary>
    private static string LineOf(byte[] place, string canary) =>
        Encoding.UTF8.GetString(place).Split('\n').FirstOrDefault(l => l.Contains(canary, StringComparison.Ordinal)) ?? "";

    /// <summary>Everything that callers and approvers do, with secrets in it; the gateway's and control plane's own answers.</summary>
    private static async Task<List<Answer>> Play(JitClient client, Installation installation, MarkedUpstream upstream, string alice, string bob, string dave)
    {
        var answers = new List<Answer>();
        (string, string)[] secrets = [("X-Api-Key", ApiKey), ("Cookie", $"session={Cookie}"), ("X-Partner", Partner), ("Prefer", "wait=0")];
        var body = new { amount = 4711, card = new { number = Card } };
        Task<Answer> Refund(string token, string query = $"?code={Code}") => client.Call(token, "POST", "/orders/42/refunds" + query, body, CancellationToken.None, secrets);

        // Held, shown, approved, run; shown again. The upstream gets all of it.
        var held = await Refund(alice);
        answers.Add(held);
        var id = held.Header("Jit-Request")!;
        var shown = await client.Control(bob, "GET", $"requests/{id}");
        answers.Add(shown);
        Assert.Contains("4711", shown.Body, StringComparison.Ordinal);
        answers.Add(await client.Vote(bob, id));
        await client.Settled(alice, id);
        Assert.Equal(HttpStatusCode.OK, (await Refund(alice)).Status);
        var seen = Assert.Single(upstream.Calls("POST /orders/42/refunds"));
        Assert.Contains(Card, seen.Body!, StringComparison.Ordinal);
        Assert.Equal((ApiKey, $"session={Cookie}", Partner), (seen.Headers["x-api-key"], seen.Headers["cookie"], seen.Headers["x-partner"]));
        Assert.False(seen.Headers.ContainsKey("authorization"));
        Assert.Equal(UpstreamKey, seen.Headers["x-upstream-key"]);
        Assert.Equal(3, seen.Headers["jit-assertion"].Split('.').Length);

        // Used up; refused; malformed; too large; allowed; no upstream.
        answers.Add(await client.Call(alice, "POST", $"/orders/42/refunds?code={Code}", body, CancellationToken.None, [.. secrets, ("Jit-Request", id)]));
        answers.Add(await Refund(dave));
        answers.Add(await Refund(BadToken));
        answers.Add(await Refund(alice[..^4] + "AAAA"));
        answers.Add(await Refund(alice, $"?code={Code}&code=%zz"));
        answers.Add(await client.Call(alice, "POST", $"/orders//42/refunds?code={Code}", body, CancellationToken.None, secrets));
        answers.Add(await client.Call(alice, "PUT", "/orders/42/small", new { filler = new string('x', 4000), card = Card }, CancellationToken.None, secrets));
        answers.Add(await client.Call(alice, "POST", "/.jit/requests", $"{{\"action\": \"{Card}", CancellationToken.None, secrets));
        answers.Add(await client.Call(alice, "POST", "/.jit/requests", new { action = Card, canary = ApiKey }, CancellationToken.None, secrets));
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "GET", $"/orders/42?code={Code}", null, CancellationToken.None, secrets)).Status);
        answers.Add(await client.Call(alice, "GET", $"/gone/42?code={Code}", null, CancellationToken.None, secrets));
        answers.Add(await client.Call(alice, "GET", "/keyed/42?key=mine", null, CancellationToken.None, secrets));
        Assert.Equal(HttpStatusCode.OK, answers[^1].Status);
        answers.Add(await client.Call(alice, "GET", "/unset/42", null, CancellationToken.None, secrets));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answers[^1].Status);

        // The control plane, with mistakes.
        answers.Add(await client.Control(BadToken, "GET", "requests"));
        answers.Add(await client.Control(bob, "POST", $"requests/{id}/votes", $"{{\"decision\": \"{Card}\", \"digest\": "));
        answers.Add(await client.Control(bob, "POST", $"requests/{id}/votes", new { decision = Card, digest = "x" }));
        foreach (var list in new[] { "requests", "grants", "audit", "audit/verify", "policy", $"requests/{id}" })
            answers.Add(await client.Control(bob, "GET", list));
        foreach (var path in new[] { "/.jit/grants", "/.jit/whoami", $"/.jit/requests/{id}", "/.jit/readyz" })
            answers.Add(await client.Call(alice, "GET", path));
        answers.Add(await client.Anonymous(new Uri(installation.Control, "/readyz")));

        using var http = new HttpClient();
        var endpoint = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(installation.Data, "dev-issuer.json")))!["token_endpoint"]!.GetValue<string>();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal) { ["grant_type"] = "client_credentials", ["client_id"] = "alice", ["client_secret"] = BadSecret });
        answers.Add(await Answer.Of(await http.PostAsync(new Uri(endpoint), form)));

        // A second request, so that there is something raised but not decided.
        answers.Add(await Refund(alice, "?code=" + Code + "&again=1"));
        return answers;
    }
}
