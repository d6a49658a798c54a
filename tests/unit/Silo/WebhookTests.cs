using System.Collections.Concurrent;
using System.Text;
using JitGrains.Approvals;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo;
using JitGrains.Silo.Notifications;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.UnitTests.Silo;

public sealed class WebhookTests : IAsyncLifetime
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private readonly ConcurrentQueue<Received> received = new();
    private readonly SemaphoreSlim arrived = new(0);
    private readonly ConcurrentQueue<int> answers = new();
    private readonly TempFolder temp = new();
    private WebApplication receiver = null!;

    private sealed record Received(string Id, string Timestamp, string Signature, string Body, string? ContentType);

    public async Task InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        receiver = builder.Build();
        receiver.MapPost("/hook", async (HttpContext http) =>
        {
            using var reader = new StreamReader(http.Request.Body);
            var headers = http.Request.Headers;
            received.Enqueue(new Received(headers["webhook-id"]!, headers["webhook-timestamp"]!, headers["webhook-signature"]!, await reader.ReadToEndAsync(), http.Request.ContentType));
            var status = answers.TryDequeue(out var s) ? s : 204;
            if (status == 302)
                http.Response.Headers.Location = "/elsewhere";
            arrived.Release();
            return Results.StatusCode(status);
        });
        receiver.MapFallback(() =>
        {
            received.Enqueue(new Received("elsewhere", "", "", "", null));
            return Results.Ok();
        });
        await receiver.StartAsync();
        await File.WriteAllTextAsync(Path.Combine(temp.Root, "secret"), Secret + "\n");
    }

    public async Task DisposeAsync()
    {
        await receiver.DisposeAsync();
        arrived.Dispose();
        temp.Dispose();
    }

    private WebhookOptions Options() => new() { Url = receiver.Urls.Single() + "/hook", SecretFile = Path.Combine(temp.Root, "secret") };

    // The example of the Standard Webhooks specification's reference libraries.
    [Fact]
    public void Signatures_are_those_of_the_specification()
    {
        Assert.True(WebhookSecret.TryParse(Secret, out var secret));
        Assert.Equal(
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            secret.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}"));
        Assert.Equal("[redacted]", secret.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    [InlineData("whsec_")]
    [InlineData("whsec_c2hvcnQ=")]
    [InlineData("whsec_not base64")]
    public void What_is_no_secret_is_told(string? text) => Assert.False(WebhookSecret.TryParse(text, out _));

    [Fact]
    public async Task A_raised_and_a_decided_request_are_told_signed_and_without_the_payload()
    {
        await using var host = await SiloHost.StartAsync(Options());
        var id = await host.Raise(Sample.Ask() with
        {
            Payload = new ReviewPayload { Method = "POST", Authority = "orders.example.com", Target = "/orders/42/refunds", Body = "the body" },
        });
        await arrived.WaitAsync();
        await host.Vote("bob", id);
        await arrived.WaitAsync();

        var messages = received.ToArray();
        Assert.Equal([$"request.raised:{id}", $"request.decided:{id}"], messages.Select(m => m.Id));
        Assert.True(WebhookSecret.TryParse(Secret, out var secret));
        Assert.All(messages, m =>
        {
            Assert.Equal(secret.Sign(m.Id, long.Parse(m.Timestamp), m.Body), m.Signature);
            Assert.Equal("application/json", m.ContentType);
            Assert.Contains($"https://jit.example.com/api/v1/requests/{id}", m.Body, StringComparison.Ordinal);
            Assert.DoesNotContain("the body", m.Body, StringComparison.Ordinal);
        });
        Assert.Contains("\"status\":\"approved\"", messages[1].Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(302)]
    [InlineData(404)]
    public async Task A_failed_attempt_is_made_again_with_the_same_id_and_body(int status)
    {
        answers.Enqueue(status);
        await using var host = await SiloHost.StartAsync(Options());
        await host.Raise(Sample.Ask());
        await arrived.WaitAsync();
        var queue = host.Services.GetRequiredService<IDeliveryQueue>();
        while (!await Come(host, TimeSpan.FromSeconds(5)))
            Assert.NotNull(await queue.NextDueAsync());
        var messages = received.ToArray();
        Assert.Equal(2, messages.Length);
        Assert.Equal((messages[0].Id, messages[0].Body), (messages[1].Id, messages[1].Body));
        Assert.NotEqual(messages[0].Timestamp, messages[1].Timestamp);
    }

    [Fact]
    public async Task A_receiver_that_is_gone_is_asked_no_more()
    {
        answers.Enqueue(410);
        await using var host = await SiloHost.StartAsync(Options());
        await host.Raise(Sample.Ask());
        await arrived.WaitAsync();
        var queue = host.Services.GetRequiredService<IDeliveryQueue>();
        while (await queue.NextDueAsync() is not null)
            await Task.Yield();
        Assert.Single(received);
    }

    [Fact]
    public void Its_options_are_checked()
    {
        Assert.Empty(Options().Problems());
        Assert.Equal(3, new WebhookOptions { Url = "http://hooks.example.com/", Timeout = TimeSpan.Zero }.Problems().Count());
        Assert.Throws<StartupException>(() => (Options() with { SecretFile = Path.Combine(temp.Root, "none") }).ReadSecret());
    }

    /// <summary>Moves time on until the next attempt has arrived.</summary>
    private async Task<bool> Come(SiloHost host, TimeSpan step)
    {
        host.Time.Advance(step);
        return await arrived.WaitAsync(TimeSpan.FromMilliseconds(20));
    }
}
