using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>One caller, asking and calling until the gateway is dead; what it is told goes into the ledger.</summary>
internal sealed class Callers(JitClient client, Ledger ledger, KillSwitch killSwitch, string caller, int seed)
{
    private readonly Random random = new(seed);
    private readonly string token = ledger.TokenOf(caller);

    public async Task Run()
    {
        try
        {
            while (!killSwitch.Killed.IsCancellationRequested)
                await Go(Next());
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            // The gateway is gone, in the middle of something: nothing was acknowledged.
        }
    }

    /// <summary>An ask of mine that is not over, or a new one.</summary>
    private Ask Next()
    {
        var open = ledger.Asks.Where(a => a.Caller == caller && !a.Finished).ToList();
        return open.Count > 0 && (open.Count >= 5 || random.Next(10) < 4)
            ? open[random.Next(open.Count)]
            : ledger.New(AskKind.Mix[random.Next(AskKind.Mix.Length)], caller);
    }

    private async Task Go(Ask ask)
    {
        if (ask.Request is not null && ask.Status is null && random.Next(12) == 0)
            await Cancel(ask);
        else if (ask.Kind.Ahead)
            await GoAhead(ask);
        else
            await Call(ask, wait: random.Next(3));
    }

    private async Task GoAhead(Ask ask)
    {
        if (ask.Request is null)
        {
            var raised = await Send(() => client.Call(token, "POST", "/.jit/requests", AskBody(ask), killSwitch.Killed));
            if (raised.Status != HttpStatusCode.Created)
                ledger.Violation($"asking ahead was answered {raised.Status}: {raised.Body}");
            else
                ask.Raised(raised.Json["id"]!.GetValue<string>());
            return;
        }

        var task = await Send(() => client.Call(token, "GET", $"/.jit/requests/{ask.Request}", null, killSwitch.Killed, ("Prefer", "wait=1")));
        if (task.Status != HttpStatusCode.OK)
        {
            ledger.Violation($"an acknowledged request is answered {task.Status}: {task.Body}");
            return;
        }

        var status = task.Json["status"]!.GetValue<string>();
        ask.Became(status);
        if (status == "approved")
            await Call(ask, wait: 0);
        else
            ask.Finished = status != "pending";
    }

    private async Task Call(Ask ask, int wait)
    {
        (string, string)[] headers = ask.Request is { } id ? [("Prefer", $"wait={wait}"), ("Jit-Request", id)] : [("Prefer", $"wait={wait}")];
        var answer = await Send(() => client.Call(token, ask.Kind.Method, ask.Path, ask.Body, killSwitch.Killed, headers));
        switch (answer.Problem)
        {
            case null when answer.Status == HttpStatusCode.OK:
                ask.Ran();
                ledger.Count("calls that ran");
                ask.Finished = ask.Kind.Uses == ask.Answered || ask.Answered == 5;
                break;
            case "approval-required":
                ask.Raised(answer.Header("Jit-Request")!);
                break;
            case "request-denied" or "request-cancelled":
                ask.Raised(answer.Header("Jit-Request")!);
                ask.Became(answer.Problem["request-".Length..]);
                ask.Finished = true;
                break;
            case "already-used":
            case "denied" when ask.RevokeSent:
                ask.Finished = true;
                break;
            default:
                ledger.Violation($"{ask.Target} was answered {answer.Status}: {answer.Body}");
                break;
        }
    }

    private async Task Cancel(Ask ask)
    {
        ask.Touched = true;
        var answer = await Send(() => client.Call(token, "DELETE", $"/.jit/requests/{ask.Request}", null, killSwitch.Killed));
        if (answer.Status == HttpStatusCode.OK)
            ask.Became(answer.Json["status"]!.GetValue<string>());
        else if (answer.Problem != "already-decided")
            ledger.Violation($"cancelling was answered {answer.Status}: {answer.Body}");
    }

    private async Task<Answer> Send(Func<Task<Answer>> send)
    {
        ledger.Count("callers' requests");
        var sent = send();
        await killSwitch.Happens(Moment.CallerSends);
        var answer = await sent;
        await killSwitch.Happens(Moment.CallerAnswered);
        return answer;
    }

    public static object AskBody(Ask ask) => new { action = "orders." + ask.Kind.Name, resource = $"order={ask.Order}" };
}
