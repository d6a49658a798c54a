using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.WaysTests.Inputs;

/// <summary>Spoilt tokens, bodies, cursors and ids at the gateway's own endpoints and the control plane: a clear refusal each time.</summary>
public sealed class HttpInputTests : IAsyncLifetime
{
    private readonly HttpClient client = new() { Timeout = TimeSpan.FromMinutes(2) };
    private GatewayFixture gateway = null!;
    private string alice = "";
    private string bob = "";
    private string request = "";
    private string digest = "";
    private string cursor = "";

    public async Task InitializeAsync()
    {
        gateway = await GatewayFixture.Start(args: ["--store", "memory"]);
        (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        for (var i = 0; i < 3; i++)
            request = (await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.close", resource = new { order = $"{i}" }, reason = "tidy up" })).Json["id"]!.GetValue<string>();
        digest = (await gateway.Approver("GET", $"requests/{request}", bob)).Json["request"]!["digest"]!.GetValue<string>();
        cursor = (await gateway.Approver("GET", "requests?limit=1", bob)).Json["next_cursor"]!.GetValue<string>();
    }

    public async Task DisposeAsync()
    {
        client.Dispose();
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task A_spoilt_token_is_refused_and_said_to_be()
    {
        var mutator = new InputMutator(2);
        for (var i = 0; i < 1500; i++)
        {
            var token = Printable(mutator.Text(alice));
            if (token.Trim(' ') == alice)
                continue;
            using var call = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Gateway, "/.jit/whoami"));
            call.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
            using var answer = await client.SendAsync(call);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized && answer.Headers.WwwAuthenticate.Count > 0, $"{answer.StatusCode}: {token}");
        }
    }

    [Fact]
    public async Task A_spoilt_body_is_refused_in_words()
    {
        (HttpMethod Method, Uri To, string Token, string Body)[] good =
        [
            (HttpMethod.Post, new(gateway.Gateway, "/.jit/requests"), alice, """{"action":"orders.close","resource":{"order":"7"},"reason":"tidy up","ticket":"T-1","uses":1,"duration_seconds":300}"""),
            (HttpMethod.Post, Control($"requests/{request}/votes"), bob, $$"""{"decision":"approve","digest":"{{digest}}","reason":"fine"}"""),
            (HttpMethod.Post, Control("revocations"), bob, """{"api":"orders","reason":"over"}"""),
            (HttpMethod.Post, Control("principals/dev:user:alice/revoke"), bob, """{"reason":"over"}"""),
            (HttpMethod.Put, Control("blocks/dev:user:dave"), bob, """{"reason":"over"}"""),
            (HttpMethod.Delete, Control("blocks/dev:user:dave"), bob, """{"reason":"over"}"""),
            (HttpMethod.Put, Control("policy"), bob, """{"files":{"policy.yaml":"version: 1"},"reason":"over"}"""),
            (HttpMethod.Post, Control("policy/rollback"), bob, """{"to":1,"reason":"over"}"""),
            (HttpMethod.Post, Control("explain"), bob, """{"principal":"dev:user:alice","method":"GET","url":"http://127.0.0.1/orders/42","body":"{}","groups":["engineering"]}"""),
        ];
        var mutator = new InputMutator(3);
        for (var i = 0; i < 2500; i++)
        {
            var (method, to, token, body) = mutator.One(good);
            await Check(method, to, token, mutator.Json(body));
        }
    }

    [Fact]
    public async Task A_spoilt_address_is_refused_in_words()
    {
        var places = new List<string>
        {
            $"requests?status=pending&cursor={cursor}&limit=2", "requests?action=orders.delete&principal=dev:user:alice", "grants?status=active&limit=3", $"requests/{request}",
            "audit?source=system&type=vote.cast&from=2026-01-01T00:00:00Z&to=2027-01-01T00:00:00Z&limit=1", "audit?principal=dev:user:alice&request=rq_1", "audit/verify?source=system&head_sequence=1&head_hash=abc",
            "policy/versions/1", "policy/diff?from=1&to=2", $"explain/{request}", "blocks", "gateways",
        };
        var mutator = new InputMutator(4);
        for (var i = 0; i < 2500; i++)
        {
            var place = Printable(mutator.Text(mutator.One(places)));
            if (Uri.TryCreate(gateway.Control, "/api/v1/" + place, out var to) && to.Authority == gateway.Control.Authority)
                await Check(HttpMethod.Get, to, bob, null);
        }
    }

    private Uri Control(string path) => new(gateway.Control, "/api/v1/" + path);

    private async Task Check(HttpMethod method, Uri to, string token, string? body)
    {
        using var call = new HttpRequestMessage(method, to);
        call.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        if (body is not null)
            call.Content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await client.SendAsync(call);
        var text = await answer.Content.ReadAsStringAsync();
        var status = (int)answer.StatusCode;
        Assert.True(status < 500, $"{status} {text}\n{method} {to}\n{Shown.Of(body ?? "")}");
        // Kestrel refuses what is no URL by itself, without a body.
        if (status < 400 || text.Length == 0)
            return;
        Assert.True(answer.Content.Headers.ContentType?.MediaType == "application/problem+json", $"{status} {text}\n{method} {to}\n{Shown.Of(body ?? "")}");
        var problem = JsonNode.Parse(text)!;
        Assert.True(problem["type"] is not null && problem["title"]?.GetValue<string>().Length > 0, text);
    }

    private static string Printable(string text) => new([.. text.Where(c => c is >= ' ' and <= '~')]);
}
